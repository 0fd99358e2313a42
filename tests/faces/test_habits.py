"""Correlations between the motions of a face."""

import numpy as np
import pytest

from npvf.faces.habits import HABITS, SIGNALS, habit_windows, motion_signals
from tests.helpers.mouths import face_motion


def still_camera(frames: int) -> np.ndarray:
    return np.broadcast_to(np.eye(2, 3), (frames, 2, 3)).copy()


def test_windows_of_two_seconds_every_second() -> None:
    landmarks = face_motion(1, drawn=False)
    found = habit_windows(landmarks, still_camera(len(landmarks)))
    assert found.shape == ((len(landmarks) - 48) // 24 + 1, HABITS) and np.abs(found).max() <= 1 + 1e-9


def test_a_short_clip_has_none_and_a_still_signal_correlates_with_nothing() -> None:
    landmarks = face_motion(1, drawn=False)[:47]
    assert habit_windows(landmarks, still_camera(47)).shape == (0, HABITS)
    still = np.repeat(landmarks[:1], 48, axis=0)
    assert not habit_windows(still, still_camera(48)).any()


def test_signals_do_not_depend_on_the_size_of_the_crop() -> None:
    landmarks = face_motion(2, drawn=False)
    once = motion_signals(landmarks, still_camera(len(landmarks)))
    twice = motion_signals(2 * landmarks, 2 * still_camera(len(landmarks)))
    size = SIGNALS.index("size")
    assert np.delete(twice, size, axis=1) == pytest.approx(np.delete(once, size, axis=1), abs=1e-6)
    assert twice[:, size] - once[:, size] == pytest.approx(np.log(2))
