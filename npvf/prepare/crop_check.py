"""Check face crops before they are stored: one that is black or does not show the lips is refused."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from npvf.clip import CROP_SIZE
from npvf.faces.lips import LIPS
from npvf.faces.tracks import TrackPiece

_FLAT = 2.0  # grey levels: a smaller standard deviation over the middle of the crop cannot be a face
_LIPS_INSIDE = 0.9  # share of the lips' landmarks that must be inside
_BAD_FRAMES = 0.2  # a piece with a larger share of bad frames is not stored
_MIDDLE = slice(CROP_SIZE // 6, CROP_SIZE - CROP_SIZE // 6)


def fault_of(piece: TrackPiece[Any], flat_T: np.ndarray, size: tuple[int, int]) -> str | None:
    """Return what is wrong with the crops of a piece, as the end of a sentence; None if they are good.

    Args:
        piece: its landmarks are looked at.
        flat_T: (T,) bool, `is_flat` of each crop.
        size: (width, height) of the source's frames.
    """
    crop = _outside(piece.landmarks_TN2[:, LIPS], (CROP_SIZE, CROP_SIZE))
    source = _outside(piece.source_landmarks_TN2[:, LIPS], size)
    faults = {
        "are uniform in {} of {} frames": flat_T,
        "do not show the lips in {} of {} frames": crop,
        "show lips that are outside the picture in {} of {} frames": source,
    }
    for sentence, bad_T in faults.items():
        if bad_T.mean() > _BAD_FRAMES:
            return sentence.format(int(bad_T.sum()), len(bad_T))
    return None


def is_flat(face_HWC: np.ndarray) -> bool:
    """Return True if the middle of a crop is uniform: it cannot be a face."""
    return float(cv2.cvtColor(face_HWC[_MIDDLE, _MIDDLE], cv2.COLOR_RGB2GRAY).std()) < _FLAT


def _outside(lips_TN2: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return for each frame whether more than a tenth of the lips is outside a picture of this (width, height)."""
    inside_TN = ((lips_TN2 >= 0) & (lips_TN2 < size)).all(axis=-1)
    return inside_TN.mean(axis=1) < _LIPS_INSIDE
