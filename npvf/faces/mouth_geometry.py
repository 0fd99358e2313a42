"""The positions of lips, jaw and cheeks: 64 landmarks without the size and the place of the head.

The points are taken relative to the bridge of the nose and divided by the distance of the outer eye corners. What
remains of the person, the shape of a mouth at rest, is the clip's mean: `npvf.models.npv.person_free` takes it off.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from npvf.faces.lips import LIPS

# Jaw line and chin, then cheeks: left and right in pairs around the chin's middle (152, 199, 175).
JAW_AND_CHEEKS = (
    *(172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 199, 175, 200),
    *(50, 280, 205, 425, 207, 427, 187, 411),
)
GEOMETRY_POINTS = np.array([*LIPS, *JAW_AND_CHEEKS])
NOSE_BRIDGE = (6, 168, 197, 195, 5)
OUTER_EYE_CORNERS = (33, 263)
# The head's scale changes slowly: the eyes' own jitter must not shake the mouth.
SMOOTHING_FRAMES = 4.0


def mouth_geometry(landmarks_TN2: np.ndarray) -> np.ndarray:
    """The 64 points of `GEOMETRY_POINTS`, relative to the bridge of the nose, over the distance of the eyes.

    Args:
        landmarks_TN2: (T, 478, 2), MediaPipe's points in pixels of the aligned crop.

    Returns:
        (T, 64, 2) float32.
    """
    nose_T12 = landmarks_TN2[:, NOSE_BRIDGE].mean(1, keepdims=True)
    left_T2, right_T2 = (landmarks_TN2[:, corner] for corner in OUTER_EYE_CORNERS)
    eyes_T = gaussian_filter1d(np.linalg.norm(right_T2 - left_T2, axis=1), SMOOTHING_FRAMES, mode="nearest")
    points_TP2 = landmarks_TN2[:, GEOMETRY_POINTS] - nose_T12
    return (points_TP2 / np.maximum(eyes_T, 1e-3)[:, None, None]).astype(np.float32)
