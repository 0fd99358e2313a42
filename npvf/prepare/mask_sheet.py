"""Masks to look at: frames of a video, the mask of each, and the mask's outline on the frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

_GREEN = (40, 255, 60)
_GAP = 4


def outlined(frame_HWC: np.ndarray, mask_HW: np.ndarray) -> np.ndarray:
    """The frame with a green line around the mask."""
    rims, _ = cv2.findContours(mask_HW.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    thick = max(1, frame_HWC.shape[0] // 300)
    return cv2.drawContours(np.ascontiguousarray(frame_HWC).copy(), rims, -1, _GREEN, thick)


def contact_sheet(frames: Sequence[np.ndarray], masks: Sequence[np.ndarray], width: int = 320) -> np.ndarray:
    """(H, W, 3) uint8: a row for each frame, with the frame, its mask, and the outline on it."""
    rows = []
    for frame, mask in zip(frames, masks, strict=True):
        white = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255
        rows.append(_row([frame, white, outlined(frame, mask)], width))
    return np.concatenate(rows)


def _row(pictures: Sequence[np.ndarray], width: int) -> np.ndarray:
    height = round(width * pictures[0].shape[0] / pictures[0].shape[1])
    small = [cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in pictures]
    framed = [cv2.copyMakeBorder(p, _GAP, _GAP, _GAP, _GAP, cv2.BORDER_CONSTANT, value=(255, 255, 255)) for p in small]
    return np.concatenate(framed, axis=1)
