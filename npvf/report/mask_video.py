"""Masks as small videos beside the report: as large as the source, at its rate and on its clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from npvf.clip import FPS
from npvf.detect.paste import source_masks
from npvf.detect.verdict import Judgement
from npvf.media.encode import write_video


def write_masks(judgement: Judgement, folder: Path) -> None:
    """A video for each face in `folder`, black where nothing is marked; the verdict's tracks then name it.

    The masks themselves are given up: they lie in temporary files, which would pile up over many videos.

    Raises:
        OSError: the folder cannot be written to.
    """
    verdict = judgement.verdict
    pieces = judgement.masks
    judgement.masks = []
    if not pieces:
        return
    folder.mkdir(parents=True, exist_ok=True)
    frames = max(round(judgement.seconds * FPS), *(piece.stop for piece in pieces))
    tracks = []
    for track in verdict.tracks:
        path = folder / f"{Path(verdict.video).stem}-{judgement.sha256[:8]}-face{track.id + 1}.mp4"
        own = [piece for piece in pieces if piece.track == track.id]
        masks = source_masks(own, frames, judgement.size, judgement.fps)
        write_video(path, _as_rgb(masks), fps=judgement.fps)
        tracks.append(replace(track, mask=str(path)))
    verdict.tracks = tracks


def _as_rgb(masks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for mask_HW in masks:
        yield np.repeat(mask_HW[..., None], 3, axis=2)
