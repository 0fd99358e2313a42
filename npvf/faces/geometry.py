"""The points of a face that do not move in speech, and the size and position of the face from them.

Landmark numbers are MediaPipe's. The unit of the template is the face's size: the root mean square distance of the
stable points from their centre (about a quarter of the height from hairline to chin).
"""

from __future__ import annotations

import cv2
import numpy as np

# Corners of the eyes, bridge and tip of the nose, its wings, temples, middle of the hairline.
STABLE = np.array([33, 133, 362, 263, 168, 6, 197, 195, 4, 98, 327, 127, 356, 10])

# Their positions in the mean frontal face, made symmetric: a Procrustes mean over eleven people of GRID.
TEMPLATE_S2 = np.array(
    [
        (-1.107, -0.227),
        (-0.421, -0.182),
        (0.421, -0.182),
        (1.107, -0.227),
        (0.0, -0.263),
        (0.0, -0.064),
        (0.0, 0.111),
        (0.0, 0.266),
        (0.0, 0.632),
        (-0.399, 0.934),
        (0.399, 0.934),
        (-1.734, -0.095),
        (1.734, -0.095),
        (0.0, -1.542),
    ]
)


def face_centre(landmarks_TN2: np.ndarray) -> np.ndarray:
    """Return the centre of the stable points: (..., 478, 2) -> (..., 2)."""
    return landmarks_TN2[..., STABLE, :].mean(axis=-2)


def face_size(landmarks_TN2: np.ndarray) -> np.ndarray:
    """Return the size of the face in the unit of the landmarks, independent of lips and jaw: (..., 478, 2) -> (...).

    Examples:
        >>> landmarks = np.random.default_rng(0).normal(size=(10, 478, 2))
        >>> bool(np.allclose(face_size(2 * landmarks), 2 * face_size(landmarks)))
        True
    """
    points = landmarks_TN2[..., STABLE, :]
    centred = points - points.mean(axis=-2, keepdims=True)
    return np.sqrt(np.square(centred).sum(axis=-1).mean(axis=-1))


def face_hull(points_N2: np.ndarray, size_hw: tuple[int, ...]) -> np.ndarray:
    """Return the pixels within the convex hull of points (x, y), (h, w) bool."""
    face_hw = np.zeros(size_hw, np.uint8)
    cv2.fillConvexPoly(face_hw, cv2.convexHull(points_N2.round().astype(np.int32)), 1)
    return face_hw > 0
