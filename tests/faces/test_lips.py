from __future__ import annotations

from itertools import pairwise

import pytest

from npvf.faces.lips import INNER_LIPS, LOWER_INNER, OUTER_LIPS, UPPER_INNER


def test_contours_are_mediapipes() -> None:
    vision = pytest.importorskip("mediapipe.tasks.python.vision.face_landmarker")
    theirs = {frozenset((line.start, line.end)) for line in vision.FaceLandmarksConnections.FACE_LANDMARKS_LIPS}
    ours = {frozenset(pair) for lips in (OUTER_LIPS, INNER_LIPS) for pair in pairwise([*lips.tolist(), int(lips[0])])}
    assert ours == theirs


def test_edges_run_from_corner_to_corner() -> None:
    assert LOWER_INNER.tolist() == [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]
    assert UPPER_INNER.tolist() == [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308]
