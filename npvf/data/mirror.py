"""A face in a mirror: what was its left eye is its right one, in its landmarks too."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

import numpy as np

# The 68 points of the usual annotation: jaw, brows, bridge and base of the nose, eyes, outer and inner lips.
_68 = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *range(54, 47, -1),
    *range(59, 54, -1),
    *range(64, 59, -1),
    *range(67, 64, -1),
)


@cache
def mirror_order(points: int) -> np.ndarray:
    """(points,): which landmark of a face takes each landmark's place in the mirror; applied twice it is the identity.

    MediaPipe's 478 were paired by distance in a mean frontal face of several people, and their tessellation agrees:
    but for the diagonals of six quads, the neighbours of a point's partner are its neighbours' partners.

    Raises:
        ValueError: neither 478 nor 68 points.
    """
    if points == len(_68):
        return np.array(_68)
    if points != 478:
        raise ValueError(f"a mirror of {points} landmarks is not known: there are 478 (MediaPipe) and 68")
    order = np.arange(points)
    for left, right in json.loads(files("npvf.data").joinpath("face_mirror.json").read_text(encoding="utf-8"))["pairs"]:
        order[left], order[right] = right, left
    return order
