import numpy as np
import pytest

from npvf.clip import MOUTH_POINTS
from npvf.faces.mouth_geometry import GEOMETRY_POINTS, NOSE_BRIDGE, OUTER_EYE_CORNERS, mouth_geometry


@pytest.fixture
def landmarks_TN2():
    rng = np.random.default_rng(0)
    rest_N2 = rng.uniform(40, 180, (478, 2))
    return (rest_N2 + rng.normal(0, 1, (30, 478, 2))).astype(np.float32)


def test_place_and_size_of_the_head_do_not_matter(landmarks_TN2):
    moved_TN2 = 1.7 * landmarks_TN2 + np.array([31.0, -12.0], np.float32)
    np.testing.assert_allclose(mouth_geometry(moved_TN2), mouth_geometry(landmarks_TN2), atol=1e-4)


def test_a_still_head_gives_offsets_from_the_nose_over_the_eye_distance(landmarks_TN2):
    still_TN2 = np.repeat(landmarks_TN2[:1], 10, axis=0)
    nose_2 = still_TN2[0, list(NOSE_BRIDGE)].mean(0)
    left_2, right_2 = (still_TN2[0, corner] for corner in OUTER_EYE_CORNERS)
    expected_P2 = (still_TN2[0, list(GEOMETRY_POINTS)] - nose_2) / np.linalg.norm(right_2 - left_2)
    geometry_TP2 = mouth_geometry(still_TN2)
    assert geometry_TP2.shape == (10, 64, 2) and geometry_TP2.dtype == np.float32
    np.testing.assert_allclose(geometry_TP2, np.broadcast_to(expected_P2, (10, 64, 2)), atol=1e-5)


def test_each_point_is_taken_once():
    assert len(set(GEOMETRY_POINTS)) == len(GEOMETRY_POINTS) == MOUTH_POINTS
