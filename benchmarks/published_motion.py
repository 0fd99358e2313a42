"""Anchor-Mesh Motion as it was published, triangle by triangle in numpy, for comparison: slow, and without its faults.

Left out are the faults that tests could only share: points outside are dumped on pixel (0, 0), a degenerate triangle
takes its neighbour in the list with it, the last frame of a clip moves towards the next clip's first.
"""

from __future__ import annotations

import numpy as np

ROW, COLUMN = np.array([(i, j) for i in range(80) for j in range(80 - i)]).T[..., None]


def spline(source_32: np.ndarray, target_32: np.ndarray, points_L2: np.ndarray) -> np.ndarray:
    """The thin-plate spline that takes three points to three others, at `points_L2`."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        squared = np.square(a[:, None] - b[None]).sum(-1)
        return squared * np.log(np.where(squared == 0, 1, squared))

    ones = np.column_stack([np.ones(3), source_32])
    system = np.block([[kernel(source_32, source_32), ones], [ones.T, np.zeros((3, 3))]])
    weights = np.linalg.solve(system, np.vstack([target_32, np.zeros((3, 2))]))
    at = np.column_stack([kernel(points_L2, source_32), np.ones(len(points_L2)), points_L2])
    return at @ weights


def published_motion(
    now_N2: np.ndarray, after_N2: np.ndarray, triangles: list[list[int]], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Motion (H, W, 2) on the lattice points, zero between, and the triangle that drew each pixel, (H, W), or -1."""
    height, width = size
    motion, owner = np.zeros((height, width, 2)), np.full((height, width), -1)
    for k, triangle in enumerate(triangles):
        source, target = now_N2[triangle].astype(float), after_N2[triangle].astype(float)
        v0, v1, v2 = source
        if abs(np.linalg.det(np.column_stack([v1 - v0, v2 - v0]))) < 1e-2:
            continue
        points = (((80 - ROW - COLUMN) * v0 + COLUMN * v1 + ROW * v2) / 80).round()
        points = points[((points >= 0) & (points < (width, height))).all(axis=1)]
        x, y = points.astype(int).T
        motion[y, x] = spline(source, target, points) - points
        owner[y, x] = k
    return motion, owner
