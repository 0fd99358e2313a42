import numpy as np
import pytest

from npvf.faces.geometry import STABLE, TEMPLATE_S2
from npvf.faces.speaking import (
    aperture_energy_similarity,
    energy_envelope,
    lip_aperture,
    lip_width,
    speaking_score,
)

T = 75


def mouth(gap_T: np.ndarray, size: float = 30.0, roll: float = 0.0) -> np.ndarray:
    """Landmarks (T, 478, 2) of a face whose inner lips are `gap_T` face sizes apart."""
    points = np.zeros((len(gap_T), 478, 2))
    points[:, STABLE] = TEMPLATE_S2
    for upper, lower in ((82, 87), (13, 14), (312, 317)):
        points[:, upper] = points[:, lower] = (0, 1.6)
        points[:, lower, 1] += gap_T
    points[:, 61], points[:, 291] = (-0.6, 1.6), (0.6, 1.6)
    turn = size * np.array([(np.cos(roll), -np.sin(roll)), (np.sin(roll), np.cos(roll))])
    return points @ turn.T + (200, 150)


def syllables(seed: int) -> np.ndarray:
    """A smooth random course of T frames in [0, 1]."""
    noise = np.random.default_rng(seed).normal(size=T + 8)
    smooth = np.convolve(noise, np.hanning(9), "valid")
    return (smooth - smooth.min()) / np.ptp(smooth)


def sound(level_T: np.ndarray) -> np.ndarray:
    """Noise whose level follows `level_T` over 40 dB: (640 T,)."""
    noise = np.random.default_rng(9).normal(size=640 * len(level_T))
    return (0.1 * noise * np.repeat(10 ** (2 * (level_T - 1)), 640)).astype(np.float32)


def test_aperture_and_width_are_in_face_sizes_however_the_face_lies() -> None:
    gap = 0.5 * syllables(0)
    for size, roll in ((30, 0.0), (80, 0.9)):
        np.testing.assert_allclose(lip_aperture(mouth(gap, size, roll)), gap, atol=5e-3)
        np.testing.assert_allclose(lip_width(mouth(gap, size, roll)), 1.2, atol=2e-2)


def test_energy_is_in_db_a_frame() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(6400) / 16000)
    energy = energy_envelope(np.concatenate([np.zeros(6400), tone]).astype(np.float32))
    assert energy.shape == (20,)
    np.testing.assert_allclose(energy[:10], -60)
    np.testing.assert_allclose(energy[10:], 20 * np.log10(0.5 / np.sqrt(2)), atol=0.01)


def test_the_speaking_mouth_scores_above_a_mouth_that_says_something_else() -> None:
    says = syllables(1)
    others = [speaking_score(mouth(syllables(seed)), sound(says)) for seed in range(2, 8)]
    assert speaking_score(mouth(says), sound(says)) > 0.9 > max(others)


def test_a_constant_offset_within_the_lags_does_not_matter() -> None:
    says = syllables(1)
    late = np.concatenate([np.full(5, says[0]), says[:-5]])
    assert aperture_energy_similarity(says, late, max_lag=7) > 0.97
    assert aperture_energy_similarity(says, late, max_lag=2) < 0.8


def test_a_closed_mouth_and_silence_agree_with_nothing() -> None:
    assert speaking_score(mouth(np.zeros(T)), sound(syllables(1))) == pytest.approx(0, abs=1e-6)
    assert speaking_score(mouth(syllables(1)), np.zeros(640 * T, np.float32)) == 0


def test_tracks_too_short_or_unequal_are_refused() -> None:
    with pytest.raises(ValueError, match="16 and 16 frames"):
        aperture_energy_similarity(np.ones(16), np.ones(16), max_lag=7)
    with pytest.raises(ValueError, match="30 and 31 frames"):
        aperture_energy_similarity(np.ones(30), np.ones(31))
