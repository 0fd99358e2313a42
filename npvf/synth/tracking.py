"""Measure whether the landmark network follows the synthetic mouth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from npvf.clip import FPS
from npvf.errors import NpvfError


def tracking_correlation(folder: Path | str, clips: int | None = None) -> dict[str, float]:
    """Correlate MediaPipe's inner-lip aperture (points 13, 14 in face sizes) with the aperture that drives the mouth.

    Measures `clips` of the synthetic clips in the folder, evenly spread (None: all). Returns video path -> Pearson's
    correlation. Raises NpvfError if there is no clip, or if a frame does not show a face: the corpus is then unusable.
    """
    from npvf.faces.landmarks import Landmarker
    from npvf.faces.speaking import lip_aperture
    from npvf.media.decode import iter_frames

    recipes = sorted(Path(folder).rglob("*.synth.json"))
    if not recipes:
        raise NpvfError(f"{folder} holds no synthetic clips: make some with npvf synth")
    chosen = recipes if clips is None else [recipes[k] for k in _spread(len(recipes), clips)]
    correlations = {}
    with Landmarker() as landmarker:
        for recipe in chosen:
            video = recipe.with_name(recipe.name.removesuffix(".synth.json") + ".mp4")
            landmarker.reset()
            faces = [landmarker.detect(frame, (k + 1) / FPS) for k, frame in enumerate(iter_frames(video))]
            if not all(faces):
                raise NpvfError(f"{video.name}: no face in {sum(not f for f in faces)} of {len(faces)} frames")
            largest = [max(found, key=lambda face: face.height) for found in faces]
            measured = lip_aperture(np.stack([face.landmarks_N2 for face in largest]))
            driving = np.array(json.loads(recipe.read_text(encoding="utf-8"))["aperture"])
            correlations[str(video)] = float(np.corrcoef(measured, driving)[0, 1])
    return correlations


def _spread(total: int, wanted: int) -> list[int]:
    return sorted({int(k) for k in np.linspace(0, total - 1, min(wanted, total))})
