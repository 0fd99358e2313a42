"""Replace mouth, chin and jaw of a frame by those of other frames: aligned, morphed, matched in colour, blended.

Landmark numbers are MediaPipe's, points (x, y) in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from npvf.faces.geometry import STABLE, face_size
from npvf.faces.lips import LIPS
from npvf.forge.face_patch import Box, Crop, Track, blended, box_around, feathered, spline_warp
from npvf.forge.face_regions import up

# The points that move with the mouth are the donor's.
MOVING = np.array([*LIPS, 149, 176, 148, 152, 377, 400, 378])
_CHIN_OF_MOVING = slice(len(LIPS), None)
# The patch reaches from below the nose over the cheeks to the chin. The sides of the jaw are outside: the background
# behind them depends on the head's pose, and speech hardly moves them.
_UPPER_EDGE = np.array([2, 97, 326, 98, 327, 205, 425, 192, 416, 135, 364])
# These points of the clip stay in place, so that the patch joins the face and the jaw has only one outline.
PINS = np.array([*_UPPER_EDGE, 50, 280, 150, 136, 172, 379, 365, 397])
# The points of the alignment: rigid ones, those near the mouth twice.
_RIGID = np.concatenate([STABLE, [2, 98, 327]])

# Shares of the face's size (about a quarter of its height).
FEATHER = 0.33
_BELOW_CHIN = 0.35
MARGIN = 0.5


@dataclass(frozen=True)
class DonorFrame:
    """A frame of a donor, and the weight of its mouth."""

    track: Track
    frame: int
    weight: float


def patch_weight(track: Track, frame: int, donors: Sequence[DonorFrame], size_hw: tuple[int, int]) -> np.ndarray:
    """Return how much of each pixel is replaced, (H, W) float32 in [0, 1]; exactly 0 outside the patch."""
    size = float(face_size(track.landmarks_TN2[frame]))
    return feathered(patch_outline(track, frame, _goal(track, frame, donors), size), FEATHER * size, size_hw)


def patch_outline(track: Track, frame: int, goal_N2: np.ndarray, size: float) -> np.ndarray:
    """Return the points around a patch in which the moving points go to `goal`; `size` is the face's."""
    steady_N2 = track.steady_TN2[frame]
    chins = np.concatenate([goal_N2, track.landmarks_TN2[frame][MOVING]]).reshape(2, -1, 2)[:, _CHIN_OF_MOVING]
    # Only downwards: the background beside the jaw must not move with it.
    below_N2 = chins.reshape(-1, 2) - _BELOW_CHIN * size * up(steady_N2)
    return np.concatenate([steady_N2[_UPPER_EDGE], below_N2])


def mouth_box(track: Track, frame: int, height: int, width: int) -> Box:
    """Return the box of all that a patch may need of a frame, cut to the frame."""
    points = track.landmarks_TN2[frame][np.concatenate([MOVING, PINS])]
    margin = (_BELOW_CHIN + MARGIN) * float(face_size(track.landmarks_TN2[frame]))
    return box_around(points, margin, height, width)


def transfer(
    picture_HWC: np.ndarray, track: Track, frame: int, donors: Sequence[DonorFrame], crops: Sequence[Crop]
) -> np.ndarray:
    """Return the frame with the donors' mouth.

    Args:
        picture_HWC: (H, W, 3) uint8, the frame.
        track: the track of the clip.
        frame: the number of the frame.
        donors: the donors; their weights add up to 1. The frame itself may be one of them.
        crops: for each donor its crop in `mouth_box`.

    Returns:
        (H, W, 3) uint8; where `patch_weight` is 0, the frame keeps its values.
    """
    height, width = picture_HWC.shape[:2]
    x0, y0, x1, y1 = box = mouth_box(track, frame, height, width)
    share = patch_weight(track, frame, donors, (height, width))[y0:y1, x0:x1]
    own = picture_HWC[y0:y1, x0:x1].astype(np.float32)
    goal = _goal(track, frame, donors)
    made = np.zeros_like(own)
    for donor, crop in zip(donors, crops, strict=True):
        made += donor.weight * _matched(_warped(donor, crop, track.steady_TN2[frame][PINS], goal, box), own, share)
    return blended(picture_HWC, made, share, box)


def _alignment(donor: DonorFrame, track: Track, frame: int) -> np.ndarray:
    """Return the least-squares affine map (3, 2) of the donor's rigid points onto those of the frame: [x y 1] @ map."""
    there = donor.track.steady_TN2[donor.frame][_RIGID].astype(np.float64)
    here = track.steady_TN2[frame][_RIGID].astype(np.float64)
    return np.linalg.lstsq(np.column_stack([there, np.ones(len(there))]), here, rcond=None)[0]


def _moving(donor: DonorFrame, affine: np.ndarray) -> np.ndarray:
    """Return the donor's moving points in coordinates of the frame."""
    return donor.track.landmarks_TN2[donor.frame][MOVING] @ affine[:2] + affine[2]


def _goal(track: Track, frame: int, donors: Sequence[DonorFrame]) -> np.ndarray:
    """Return the moving points of the new mouth: the weighted mean over the donors."""
    return np.sum([s.weight * _moving(s, _alignment(s, track, frame)) for s in donors], axis=0)


def _warped(donor: DonorFrame, crop: Crop, pins: np.ndarray, goal: np.ndarray, box: Box) -> np.ndarray:
    """Warp the donor's frame so that its moving points are at `goal` and its pins at those of the frame; float32."""
    moving, held = donor.track.landmarks_TN2[donor.frame][MOVING], donor.track.steady_TN2[donor.frame][PINS]
    there = np.concatenate([moving, held]) - crop.corner
    return spline_warp(crop.picture_HWC, there, np.concatenate([goal, pins]), box)


def _matched(warped: np.ndarray, own: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Give `warped` the colours of `own`, measured at the rim of the patch where it crosses the cheeks.

    Chin and neck do not count, since they differ by the position of the jaw, not by the light. A gradient of the light
    is not fitted, since the cheeks would determine it by extrapolation only.
    """
    rim = (share > 0) & (share < 0.9)
    rows = np.flatnonzero(rim.any(axis=1))
    rim[(rows[0] + rows[-1]) // 2 :] = False
    return warped + np.median(own[rim] - warped[rim], axis=0)
