"""Faces whose mouths move as people's do, or as generators draw them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from npvf.clip import Clip
from npvf.data.mirror import mirror_order
from tests.helpers.tiny_corpus import blob_clip


def face_motion(seed: int, drawn: bool, frames: int = 72) -> np.ndarray:
    """Landmarks (T, 478, 2) of a face that moves abruptly on both sides apart, or smoothly and alike if it is drawn."""
    rng = np.random.default_rng(seed)
    rest_N2 = rng.uniform(60, 160, (478, 2))
    motion_TN2 = rng.normal(size=(frames, 478, 2))
    if drawn:
        mirrored_TN2 = motion_TN2[:, mirror_order(478)] * (-1, 1)
        motion_TN2 = gaussian_filter1d((motion_TN2 + mirrored_TN2) / 2, 2.0, axis=0)
    motion_TN2 *= 3 / motion_TN2.std()
    motion_TN2[:, (6, 168, 197, 195, 5, 33, 263)] = 0  # nose and eyes keep their places
    rest_N2[[33, 263]] = (70, 80), (150, 80)
    return (rest_N2 + motion_TN2).astype(np.float32)


def mouth_clip(video: str, seed: int, drawn: bool, frames: int = 72, **meta: Any) -> Clip:
    """A clip with such a face; label, generator and person are in its metadata."""
    who = {"label": int(drawn), "manipulation": "gan" if drawn else None, "identity": f"who{seed}"}
    clip = blob_clip(video, seed, frames, **{**who, "identities": (f"who{seed}",), **meta})
    clip.landmarks_TN2 = clip.source_landmarks_TN2 = face_motion(seed, drawn, frames)
    return clip
