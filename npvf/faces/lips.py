"""The landmarks of the lips, in the order in which they go round the mouth.

The numbers are MediaPipe's (`FaceLandmarksConnections.FACE_LANDMARKS_LIPS`). They are repeated here because the
importing files need not load MediaPipe; a test compares the two.
"""

from __future__ import annotations

import numpy as np

# From the corner on the left of the picture along the lower lip to the other corner, and back along the upper lip.
OUTER_LIPS = np.array([61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185])
INNER_LIPS = np.array([78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191])
LIPS = np.concatenate([OUTER_LIPS, INNER_LIPS])

# The inner edge of each lip, both from the left corner to the right one.
LOWER_INNER = INNER_LIPS[:11]
UPPER_INNER = INNER_LIPS[[0, *range(19, 9, -1)]]
