"""Aligned face crops: a similarity transform from the source frame to a crop of 224 pixels, smooth over time.

Only translation, rotation and one scale are removed. They are fitted to points that do not move in speech and are
smoothed over time: lips and jaw move in the crop as in the face, and landmark noise does not shake the crop.
"""

from __future__ import annotations

import cv2
import numpy as np

from npvf.clip import CROP_SIZE
from npvf.faces.geometry import STABLE, TEMPLATE_S2, face_centre

# The crop shows the face from the middle of the forehead to below the chin, with room for an open jaw.
CROP_PX_PER_SIZE = 46.0
CROP_CENTRE = np.array((CROP_SIZE / 2, 62.0))

# Standard deviations in frames. Turning the head changes the apparent size, so the scale is smoothed more.
SIGMA = 2.0
SIGMA_SCALE = 5.0
RADIUS = 10  # frames before and after the current one that count


def face_pose(landmarks_N2: np.ndarray) -> np.ndarray:
    """Return the pose (4,): centre x and y (source pixels), roll (radians), log scale (source to crop pixels).

    Rotation and scale are the least-squares fit (Procrustes) of the stable points to the mean face.
    """
    centre = face_centre(landmarks_N2)
    x, y = (landmarks_N2[STABLE] - centre).T
    u, v = (TEMPLATE_S2 * CROP_PX_PER_SIZE).T
    roll = np.arctan2((x * v - y * u).sum(), (x * u + y * v).sum())
    size = np.sqrt((x * x + y * y).mean())
    return np.array((centre[0], centre[1], roll, np.log(CROP_PX_PER_SIZE / size)))


def misfit(landmarks_N2: np.ndarray) -> float:
    """Return the root mean square distance of the aligned stable points from the mean face, in face sizes."""
    transform = smoothed_transform(face_pose(landmarks_N2)[None], 0)
    aligned = (apply_transform(transform, landmarks_N2[STABLE]) - CROP_CENTRE) / CROP_PX_PER_SIZE
    return float(np.sqrt(np.square(aligned - TEMPLATE_S2).sum(axis=1).mean()))


def smoothed_transform(poses_W4: np.ndarray, at: int) -> np.ndarray:
    """Return the transform of frame `at` of a window of poses: (2, 3) float32, from source to crop pixels.

    It is a Gaussian mean over the window. Rolls are averaged as directions, so that +179 and -179 degrees agree.
    """
    away = np.arange(len(poses_W4)) - at
    weights = np.exp(-0.5 * np.square(away / SIGMA))
    weights /= weights.sum()
    slow = np.exp(-0.5 * np.square(away / SIGMA_SCALE))
    slow /= slow.sum()
    centre = weights @ poses_W4[:, :2]
    roll = np.angle(weights @ np.exp(1j * poses_W4[:, 2]))
    scale = np.exp(slow @ poses_W4[:, 3])
    linear = scale * np.array([(np.cos(roll), -np.sin(roll)), (np.sin(roll), np.cos(roll))])
    return np.column_stack([linear, CROP_CENTRE - linear @ centre]).astype(np.float32)


def apply_transform(transform_23: np.ndarray, points_N2: np.ndarray) -> np.ndarray:
    """Apply transforms (..., 2, 3) to points: (..., N, 2) -> (..., N, 2)."""
    return points_N2 @ np.swapaxes(transform_23[..., :2], -1, -2) + transform_23[..., None, :, 2]


def align(frame_HWC: np.ndarray, transform_23: np.ndarray, size: int = CROP_SIZE) -> np.ndarray:
    """Cut the crop (size, size, 3) uint8 out of a frame. Pixels outside the frame are black.

    A face much larger than the crop is first reduced by area averaging, since bilinear sampling alone would alias.
    """
    transform = transform_23.astype(np.float64)
    shrink = int(1 / np.sqrt(abs(np.linalg.det(transform[:, :2]))))
    if shrink >= 2:
        frame_HWC, origin = _region(frame_HWC, transform, size)
        height, width = (max(1, n // shrink) for n in frame_HWC.shape[:2])
        factor = np.array((frame_HWC.shape[1] / width, frame_HWC.shape[0] / height))
        frame_HWC = cv2.resize(frame_HWC, (width, height), interpolation=cv2.INTER_AREA)
        # Pixel centres: source = origin + factor * (shrunk + 1/2) - 1/2.
        linear = transform[:, :2]
        transform = np.column_stack([linear * factor, transform[:, 2] + linear @ (origin + factor / 2 - 0.5)])
    return cv2.warpAffine(frame_HWC, transform, (size, size), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))


def _region(frame_HWC: np.ndarray, transform: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of the frame that the crop shows, and its upper left corner (x, y)."""
    corners = np.array([(0, 0), (size, 0), (0, size), (size, size)], float)
    shown = (corners - transform[:, 2]) @ np.linalg.inv(transform[:, :2]).T
    limits = np.array(frame_HWC.shape[1::-1])
    x0, y0 = np.clip(np.floor(shown.min(axis=0)).astype(int) - 1, 0, limits - 1)
    x1, y1 = np.clip(np.ceil(shown.max(axis=0)).astype(int) + 1, (x0 + 1, y0 + 1), limits)
    return frame_HWC[y0:y1, x0:x1], np.array((x0, y0), float)
