"""Silence before the first sound, measured on sound whose start is known."""

import numpy as np
import pytest

from npvf.speech.silence import dead_start, loudness, quiet_start


def tone(seconds: float, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * 220 * np.arange(round(seconds * 16_000)) / 16_000)).astype(np.float32)


def padded(silence: float, noise: float = 0.0) -> np.ndarray:
    quiet = noise * np.random.default_rng(0).standard_normal(round(silence * 16_000))
    return np.concatenate([quiet.astype(np.float32), tone(0.5)])


@pytest.mark.parametrize("silence", [0.0, 0.08, 0.35])
def test_both_find_digital_silence(silence: float) -> None:
    assert quiet_start(padded(silence)) == pytest.approx(silence, abs=0.005)
    assert dead_start(padded(silence)) == pytest.approx(silence, abs=0.005)


def test_room_noise_is_quiet_but_not_dead() -> None:
    assert quiet_start(padded(0.2, noise=0.001)) == pytest.approx(0.2, abs=0.005)
    assert dead_start(padded(0.2, noise=0.001)) == 0


def test_a_recording_without_sound_is_silent_to_its_end() -> None:
    zeros = np.zeros(8_040, np.float32)
    assert quiet_start(zeros) == dead_start(zeros) == pytest.approx(0.505)
    assert quiet_start(zeros[:0]) == 0


def test_loudness_is_mean_power() -> None:
    assert loudness(tone(1.0, level=1.0)) == pytest.approx(-3.01, abs=0.01)
    assert loudness(np.zeros(100, np.float32)) == pytest.approx(-120)
