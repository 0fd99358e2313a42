"""Regions of a face as landmarks (MediaPipe's numbers), and the colours inside them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from npvf.faces.geometry import face_centre, face_size
from npvf.faces.lips import LIPS


def _numbers(text: str) -> np.ndarray:
    return np.array([int(word) for word in text.split()])


BROWS = _numbers("70 63 105 66 107 336 296 334 293 300 46 53 52 65 55 285 295 282 283 276")
EYES = _numbers(
    "33 246 161 160 159 158 157 173 133 155 154 153 145 144 163 7 "
    "263 466 388 387 386 385 384 398 362 382 381 380 374 373 390 249"
)
NOSE = _numbers("168 6 197 195 5 4 1 2 98 97 326 327 129 358 49 279 193 417 122 351")
CHEEKS = _numbers("50 205 187 123 117 101 36 280 425 411 352 346 330 266")
JAW = _numbers("127 234 93 132 58 172 136 150 149 176 148 152 377 400 378 379 365 397 288 361 323 454 356")
# The landmarks by which a whole face is warped. Lips and eyelids move fast and are not smoothed over time.
FACE = np.concatenate([BROWS, EYES, NOSE, LIPS, CHEEKS, JAW])
FAST = np.concatenate([LIPS, EYES])

_NOSE_ROOT, _NOSE_BASE = 168, 2
_INWARDS = 0.93  # inside the jaw line, so that no second outline is visible


def up(points_N2: np.ndarray) -> np.ndarray:
    """Return the unit vector (2,) along the nose."""
    along = points_N2[_NOSE_ROOT] - points_N2[_NOSE_BASE]
    return np.asarray(along / np.linalg.norm(along))


def whole_face(points_N2: np.ndarray) -> np.ndarray:
    """Return the outline (P, 2) of the area that a face swap replaces: from above the brows to inside the jaw line."""
    size, centre = float(face_size(points_N2)), face_centre(points_N2)
    jaw = centre + _INWARDS * (points_N2[JAW] - centre)
    return np.concatenate([jaw, points_N2[BROWS] + 0.3 * size * up(points_N2)])


def _lower_face(points_N2: np.ndarray) -> np.ndarray:
    below = points_N2[_numbers("205 425 2 172 136 150 149 148 152 377 378 379 365 397")]
    centre = below.mean(axis=0)
    return np.asarray(centre + _INWARDS * (below - centre))


def _upper_face(points_N2: np.ndarray) -> np.ndarray:
    size = float(face_size(points_N2))
    return np.concatenate([points_N2[BROWS] + 0.25 * size * up(points_N2), points_N2[_numbers("117 101 4 330 346")]])


def _forehead(points_N2: np.ndarray) -> np.ndarray:
    size, brows = float(face_size(points_N2)), points_N2[BROWS]
    return np.concatenate([brows + 0.15 * size * up(points_N2), brows + 0.75 * size * up(points_N2)])


def _of(text: str) -> Callable[[np.ndarray], np.ndarray]:
    numbers = _numbers(text)
    return lambda points_N2: points_N2[numbers]


REGIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "face": whole_face,
    "lower face": _lower_face,
    "upper face": _upper_face,
    "forehead": _forehead,
    "left cheek": _of("117 101 36 205 187 123 50"),
    "right cheek": _of("346 330 266 425 411 352 280"),
    "nose": _of("168 193 417 129 358 98 327 2 4"),
    "mouth": _of("57 287 164 18 206 426 43 273"),
    "chin": _of("18 83 313 176 148 152 377 400 32 262"),
}
"""Name -> outline (P, 2) of landmarks (478, 2); a region is its convex hull. Left and right are the picture's."""


def grown(outline_P2: np.ndarray, by: float) -> np.ndarray:
    """Scale the outline about its middle."""
    middle = outline_P2.mean(axis=0)
    return np.asarray(middle + by * (outline_P2 - middle))


def to_lab(picture_HWC: np.ndarray) -> np.ndarray:
    """Convert RGB of 0 to 255 to CIE Lab, float32."""
    return cv2.cvtColor(np.clip(picture_HWC, 0, 255).astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


def from_lab(lab_HWC: np.ndarray) -> np.ndarray:
    """Convert CIE Lab to RGB of 0 to 255: the inverse of `to_lab`."""
    return cv2.cvtColor(lab_HWC.astype(np.float32), cv2.COLOR_Lab2RGB) * 255


def levelled(made_hwC: np.ndarray, own_hwC: np.ndarray, inside_hw: np.ndarray, radius: float) -> np.ndarray:
    """Give `made` the light of `own`: add their difference, blurred inside the patch."""
    weight = cv2.GaussianBlur(inside_hw.astype(np.float32), (0, 0), radius) + 1e-6
    difference = (own_hwC.astype(np.float32) - made_hwC) * inside_hw[..., None]
    return np.asarray(made_hwC + cv2.GaussianBlur(difference, (0, 0), radius) / weight[..., None])
