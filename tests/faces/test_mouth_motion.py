import numpy as np
import pytest
from scipy.signal import welch

from npvf.clip import FPS
from npvf.faces import mouth_motion
from npvf.faces.mouth_geometry import mouth_geometry
from npvf.faces.mouth_motion import FAST_HZ, STATISTICS, motion_statistics, mouth_travel
from npvf.models.motion.mouth_motion import MOTION_STATISTICS
from tests.helpers.mouths import face_motion


def test_a_drawn_mouth_is_more_symmetric_and_smoother_than_a_person_s() -> None:
    person, drawn = (
        dict(zip(STATISTICS, motion_statistics(mouth_geometry(face_motion(1, drawn))), strict=True))
        for drawn in (False, True)
    )
    for name in ("asymmetry", "opening_jerk", "jaw_jerk", "width_jerk", "opening_fast", "jaw_fast", "width_fast"):
        assert drawn[name] < person[name], name


def test_size_and_place_of_the_face_do_not_matter() -> None:
    geometry_TP2 = mouth_geometry(face_motion(2, drawn=False))
    np.testing.assert_allclose(
        motion_statistics(geometry_TP2 * 1.7 + 0.4), motion_statistics(geometry_TP2), rtol=1e-3, atol=1e-4
    )


def test_a_still_mouth_has_finite_statistics_and_does_not_travel() -> None:
    still_TP2 = np.repeat(mouth_geometry(face_motion(3, drawn=False))[:1], 48, axis=0)
    assert np.isfinite(motion_statistics(still_TP2)).all()
    assert mouth_travel(still_TP2) == 0
    assert mouth_travel(mouth_geometry(face_motion(3, drawn=False))) > 0.01


def test_the_model_takes_these_statistics_in_this_order() -> None:
    assert MOTION_STATISTICS == STATISTICS


def test_the_share_of_fast_motion_is_that_of_welch() -> None:
    for frames in (47, 48):
        x_T = np.random.default_rng(frames).standard_normal(frames).cumsum()
        hertz_F, power_F = welch(x_T - x_T.mean(), FPS, nperseg=frames)
        expected = power_F[hertz_F >= FAST_HZ].sum() / power_F.sum()
        assert mouth_motion._fast_share(x_T) == pytest.approx(expected)
