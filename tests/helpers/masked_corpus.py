"""A tiny prepared corpus with masks: faces of landmarks that nod, and a painted patch where they are forged."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from npvf.clip import FAKE, REAL, Clip
from tests.helpers.tiny_corpus import blob_clip, write_corpus


def masked_clip(video: str, seed: int, forged: bool, frames: int = 30, known: bool = True, **meta: object) -> Clip:
    """A blob with a face's landmarks; forged, a square of noise around the mouth, from frame 6 on, and its mask."""
    clip = blob_clip(video, seed, frames, label=FAKE if forged else REAL, **meta)
    rng = np.random.default_rng(seed)
    nod_T = 3 * np.sin(np.arange(frames) + seed)
    landmarks_TN2 = face_points() + np.stack([0.3 * nod_T, nod_T], axis=-1)[:, None]
    mask_THW = np.zeros((frames, 224, 224), bool)
    if forged:
        mask_THW[6:, 130 + seed % 10 : 190, 70:150] = True
        noise_THWC = rng.integers(0, 256, clip.face_THWC.shape, dtype=np.uint8)
        clip.face_THWC = np.where(mask_THW[..., None], noise_THWC, clip.face_THWC)
    return replace(
        clip, landmarks_TN2=landmarks_TN2.astype(np.float32), mask_THW=mask_THW if known and forged else None
    )


def masked_corpus(folder: Path, reals: int = 2, fakes: int = 3) -> Path:
    """Reals, and fakes of which the last one of each split does not say where; identities differ between the splits."""
    clips = []
    for split, first in (("train", 0), ("val", 100)):
        for i in range(first, first + reals):
            clips.append(masked_clip(f"r{i}", i, False, identity=f"p{i}", identities=(f"p{i}",), split=split))
        for i in range(first, first + fakes):
            person = f"p{first + i % reals}"
            who = {"identity": person, "identities": (person,), "split": split, "manipulation": "patch"}
            clips.append(masked_clip(f"f{i}", i, True, known=i < first + fakes - 1, **who))
    return write_corpus(folder, clips, shards=2)


@cache
def face_points() -> np.ndarray:
    """(478, 2) landmarks of a face in a 224-pixel crop."""
    content = json.loads((files("npvf.synth") / "astronaut_landmarks.json").read_text())
    skin_N2 = np.array(content["landmarks"], float)
    irises_N2 = [skin_N2[list(corners)].mean(0) for corners in ((33, 133), (362, 263)) for _ in range(5)]
    points_N2 = np.concatenate([skin_N2, irises_N2])
    low, high = points_N2.min(0), points_N2.max(0)
    return 40 + 140 * (points_N2 - low) / (high - low).max()
