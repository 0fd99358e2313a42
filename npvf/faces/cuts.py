"""Find scene cuts by comparing whole frames."""

from __future__ import annotations

from collections import deque
from enum import IntEnum

import cv2
import numpy as np

_PLAIN = 5.0  # grey levels of contrast below which a frame is nearly uniform


class Cut(IntEnum):
    """The answer to: does a new scene begin at this frame? After `SUSPECTED` the faces decide."""

    NO = 0
    SUSPECTED = 1
    CERTAIN = 2


class CutFinder:
    """Compare each frame with the one before: a cut changes the content, a flash or a fade only the brightness.

    The measure is the correlation of two thumbnails. Within a shot it stays above 0.6, even in fast camera movements;
    across most cuts it is below 0.3, which is certain. But two people in front of the same studio wall correlate by up
    to 0.96, so a change that is large only relative to the frames before it is suspected.
    """

    certain = 0.45
    unusual = 4.0  # factor of the median change of the last frames
    smallest = 0.02  # smallest change that is suspected
    thumbnail = (64, 36)

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._changes: deque[float] = deque(maxlen=15)

    def update(self, frame_HWC: np.ndarray) -> Cut:
        """Judge the next frame, (H, W, 3) uint8."""
        last, self._last = self._last, thumbnail(frame_HWC, self.thumbnail)
        if last is None:
            return Cut.NO
        change = 1 - correlation(last, self._last)
        usual = float(np.median(self._changes)) if self._changes else 0.0
        suspicious = max(self.smallest, self.unusual * usual)
        self._changes.append(min(change, suspicious))  # cuts in quick succession must not become the usual change
        if change > 1 - self.certain:
            self._changes.clear()
            return Cut.CERTAIN
        return Cut.SUSPECTED if change > suspicious else Cut.NO


def thumbnail(image_HWC: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale to (width, height) and subtract the mean colour, float32."""
    small = cv2.resize(image_HWC, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return small - small.mean(axis=(0, 1))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the similarity of two thumbnails in [-1, 1], independent of brightness and contrast."""
    # A small constant keeps nearly black or uniform frames from being called different.
    noise = _PLAIN**2 * a.size
    return float((np.vdot(a, b) + noise) / np.sqrt((np.vdot(a, a) + noise) * (np.vdot(b, b) + noise)))
