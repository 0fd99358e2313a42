"""Small videos of a real, photographed face: NASA's portrait of Eileen Collins, which scikit-image brings along."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from skimage import data

HEAD = (slice(20, 230), slice(130, 330))  # hair to collar
HEAD_SIZE = (200, 210)  # width, height in pixels; the face is half as high


@cache
def head(scale: float = 1.0, mirrored: bool = False) -> np.ndarray:
    """(210 scale, 200 scale, 3) uint8 RGB."""
    picture = np.ascontiguousarray(data.astronaut()[HEAD])
    if mirrored:
        picture = np.ascontiguousarray(picture[:, ::-1])
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def scene(width: int, height: int, seed: int = 0) -> np.ndarray:
    """An empty room with soft patches on its wall: something for the cut finder to recognise."""
    patches = np.random.default_rng(seed).integers(40, 200, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)


def with_head(room: np.ndarray, x: float, y: float, scale: float = 1.0, mirrored: bool = False) -> np.ndarray:
    """The room with a head whose upper left corner is at (x, y); what sticks out is cut off."""
    moved = np.array([(scale, 0, x), (0, scale, y)])
    picture = head(1.0, mirrored)
    size = room.shape[1::-1]
    mask = cv2.warpAffine(np.ones(picture.shape[:2], np.uint8), moved, size)
    return np.where(mask[..., None] > 0, cv2.warpAffine(picture, moved, size, flags=cv2.INTER_LINEAR), room)
