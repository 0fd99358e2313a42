"""The time at which frames are forged: throughout the clip, or a part of it."""

from __future__ import annotations

import numpy as np

from npvf.clip import FPS
from npvf.io.annotations import Intervals

_PARTLY = 1 / 3  # share of the forgeries that change only a part of the clip
_RAMP = 3  # frames over which a forgery is faded in and out
_SHORTEST = 24  # frames; a clip of less than twice this length is forged throughout


def draw_strength(frames: int, rng: np.random.Generator) -> tuple[np.ndarray, Intervals]:
    """Draw the strength of the change of each frame, (T,) in [0, 1], and return the forged spans in seconds, too."""
    strength_T = np.ones(frames, np.float32)
    if frames >= 2 * _SHORTEST and rng.random() < _PARTLY:
        length = int(rng.integers(_SHORTEST, frames * 3 // 4 + 1))
        start = int(rng.integers(0, frames - length + 1))
        along = np.arange(frames) - start
        ends = np.minimum(along + 1, length - along) / (_RAMP + 1)
        strength_T = np.clip(ends, 0, 1).astype(np.float32)
    inside = np.flatnonzero(strength_T)
    return strength_T, ((float(inside[0] / FPS), float((inside[-1] + 1) / FPS)),)
