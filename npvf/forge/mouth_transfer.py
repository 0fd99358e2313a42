"""One frame's mouth, chin and jaw out of other frames: aligned, morphed into each other, matched in colour, blended in.

Landmark numbers are MediaPipe's, points (x, y) in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter1d

from npvf.faces.geometry import STABLE, face_size

_LIPS = """
    61 146 91 181 84 17 314 405 321 375 291 409 270 269 267 0 37 39 40 185
    78 95 88 178 87 14 317 402 318 324 308 415 310 311 312 13 82 81 80 191
"""
_CHIN = "149 176 148 152 377 400 378"
# What a mouth moves: taken from the donor.
MOVING = np.array([*map(int, _LIPS.split()), *map(int, _CHIN.split())])
_CHIN_OF_MOVING = slice(len(_LIPS.split()), None)
# The patch reaches from below the nose over the cheeks to the chin. It keeps within the jaw's sides: they are outlines,
# behind which a head turned otherwise shows other things, and speech hardly moves them.
_UPPER_EDGE = np.array([2, 97, 326, 98, 327, 205, 425, 192, 416, 135, 364])
# There and above, the clip's own points hold the patch, and its outline meets the jaw's, so that no second one shows.
PINS = np.array([*_UPPER_EDGE, 50, 280, 150, 136, 172, 379, 365, 397])
_NOSE_ROOT, _NOSE_BASE = 168, 2
# What the alignment goes by: rigid points, those near the mouth twice.
_RIGID = np.concatenate([STABLE, [2, 98, 327]])

# Shares of the face's size (about a quarter of its height).
_FEATHER = 0.33
_BELOW_CHIN = 0.35
_MARGIN = 0.5
_STEADY = 1.5  # frames: standard deviation over which rigid points are smoothed; their noise would shake the patch
_GRID = 4  # pixels between the points at which the morph is computed


@dataclass(frozen=True)
class Track:
    """The face of a clip: landmarks_TN2 (T, 478, 2) as measured, and steady_TN2, smoothed over time."""

    landmarks_TN2: np.ndarray
    steady_TN2: np.ndarray

    @classmethod
    def of(cls, landmarks_TN2: np.ndarray) -> Track:
        """The track with these landmarks."""
        return cls(landmarks_TN2, gaussian_filter1d(landmarks_TN2, _STEADY, axis=0, mode="nearest"))

    def __len__(self) -> int:
        return len(self.landmarks_TN2)

    def box(self, frame: int, height: int, width: int) -> tuple[int, int, int, int]:
        """(x0, y0, x1, y1) around all that a patch may need of a frame, inside the picture."""
        points = self.landmarks_TN2[frame][np.concatenate([MOVING, PINS])]
        margin = (_BELOW_CHIN + _MARGIN) * face_size(self.landmarks_TN2[frame])
        x0, y0 = np.clip(np.floor(points.min(axis=0) - margin), 0, (width - 1, height - 1)).astype(int)
        x1, y1 = np.clip(np.ceil(points.max(axis=0) + margin) + 1, (x0 + 1, y0 + 1), (width, height)).astype(int)
        return int(x0), int(y0), int(x1), int(y1)


@dataclass(frozen=True)
class Source:
    """A frame of a clip that lends its mouth, and with which weight."""

    track: Track
    frame: int
    weight: float


@dataclass(frozen=True)
class Crop:
    """A part of a picture, (h, w, 3) uint8, whose upper left pixel lies at `corner` (x, y)."""

    picture_HWC: np.ndarray
    corner: tuple[int, int]


def patch_weight(track: Track, frame: int, sources: Sequence[Source], size_hw: tuple[int, int]) -> np.ndarray:
    """(H, W) float32 in [0, 1]: how much of each pixel is replaced; exactly 0 outside the patch."""
    steady = track.steady_TN2[frame]
    chins = np.concatenate([_goal(track, frame, sources), track.landmarks_TN2[frame][MOVING]])
    chins = chins.reshape(2, -1, 2)[:, _CHIN_OF_MOVING].reshape(-1, 2)
    size = float(face_size(track.landmarks_TN2[frame]))
    # Downwards only: beside the jaw there is background, which must not move with it.
    down = (steady[_NOSE_BASE] - steady[_NOSE_ROOT]) / np.linalg.norm(steady[_NOSE_BASE] - steady[_NOSE_ROOT])
    below = chins + _BELOW_CHIN * size * down
    hull = cv2.convexHull(np.concatenate([steady[_UPPER_EDGE], below]).round().astype(np.int32))
    inside = cv2.fillConvexPoly(np.zeros((size_hw[0] + 2, size_hw[1] + 2), np.uint8), hull + 1, 1)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1] / (_FEATHER * size)
    ramp = np.clip(depth, 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def transfer(
    picture_HWC: np.ndarray, track: Track, frame: int, sources: Sequence[Source], crops: Sequence[Crop]
) -> np.ndarray:
    """The frame with the sources' mouth.

    Args:
        picture_HWC: (H, W, 3) uint8, the frame.
        track: of the clip.
        frame: its number.
        sources: whose weights add up to 1. The frame itself may be one of them.
        crops: of each source what `Track.box` says.

    Returns:
        (H, W, 3) uint8; where `patch_weight` is 0, the picture's own values.
    """
    height, width = picture_HWC.shape[:2]
    x0, y0, x1, y1 = box = track.box(frame, height, width)
    share = patch_weight(track, frame, sources, (height, width))[y0:y1, x0:x1]
    own = picture_HWC[y0:y1, x0:x1].astype(np.float32)
    goal = _goal(track, frame, sources)
    made = np.zeros_like(own)
    for source, crop in zip(sources, crops, strict=True):
        made += source.weight * _matched(_warped(source, crop, track, frame, goal, box), own, share)
    result = picture_HWC.copy()
    result[y0:y1, x0:x1] = np.clip(own + share[..., None] * (made - own) + 0.5, 0, 255).astype(np.uint8)
    return result


def _alignment(source: Source, track: Track, frame: int) -> np.ndarray:
    """(3, 2): least-squares affine map of the source's rigid points onto the frame's: [x y 1] @ map."""
    there = source.track.steady_TN2[source.frame][_RIGID].astype(np.float64)
    here = track.steady_TN2[frame][_RIGID].astype(np.float64)
    return np.linalg.lstsq(np.column_stack([there, np.ones(len(there))]), here, rcond=None)[0]


def _moving(source: Source, affine: np.ndarray) -> np.ndarray:
    """The source's moving points in the frame."""
    return source.track.landmarks_TN2[source.frame][MOVING] @ affine[:2] + affine[2]


def _goal(track: Track, frame: int, sources: Sequence[Source]) -> np.ndarray:
    """The moving points of the mouth that is to be seen: the sources' weighted mean."""
    return np.sum([s.weight * _moving(s, _alignment(s, track, frame)) for s in sources], axis=0)


def _warped(
    source: Source, crop: Crop, track: Track, frame: int, goal: np.ndarray, box: tuple[int, int, int, int]
) -> np.ndarray:
    """The source's picture, float32 in the frame's box, its moving points on `goal` and its pins on the frame's."""
    x0, y0, x1, y1 = box
    affine = _alignment(source, track, frame)
    pins = source.track.steady_TN2[source.frame][PINS] @ affine[:2] + affine[2]
    here = np.concatenate([goal, track.steady_TN2[frame][PINS]])
    there = np.concatenate([_moving(source, affine), pins])
    spline = RBFInterpolator(here, there - here, kernel="thin_plate_spline", smoothing=1.0)
    coarse = np.stack(np.meshgrid(np.arange(x0, x1 + _GRID, _GRID), np.arange(y0, y1 + _GRID, _GRID)), axis=-1)
    shift = spline(coarse.reshape(-1, 2)).reshape(coarse.shape).astype(np.float32)
    points = np.stack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)), axis=-1).astype(np.float32)
    knots = ((points - (x0, y0)) / _GRID).astype(np.float32)
    shift = cv2.remap(shift, knots[..., 0], knots[..., 1], cv2.INTER_LINEAR)
    at = ((points + shift - affine[2]) @ np.linalg.inv(affine[:2]) - crop.corner).astype(np.float32)
    picture = crop.picture_HWC.astype(np.float32)
    return cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _matched(warped: np.ndarray, own: np.ndarray, share: np.ndarray) -> np.ndarray:
    """`warped` with the colours of `own`: levelled on the patch's rim where it crosses the cheeks.

    Chin and neck are left out: they differ by what the jaw does, not by the light. So is a tilt of the light, which
    the cheeks would only tell by extrapolation.
    """
    rim = (share > 0) & (share < 0.9)
    rows = np.flatnonzero(rim.any(axis=1))
    rim[(rows[0] + rows[-1]) // 2 :] = False
    return warped + np.median(own[rim] - warped[rim], axis=0)
