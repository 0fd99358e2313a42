"""The pitch of a voice."""

import librosa
import numpy as np
import pytest

from npvf.speech.pitch import centred_frames, yin

RATE = 16000


def voice(seconds: float, seed: int) -> np.ndarray:
    """Return a gliding tone with overtones and noise, of loud and quiet parts."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(140 + 60 * np.sin(2 * np.pi * 0.7 * time)) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 6))
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return (tone * (np.sin(2 * np.pi * time) > -0.5) * 0.2 + 0.02 * noise).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_yin_is_that_of_librosa(seed: int) -> None:
    audio = voice(1.5, seed)
    expected = librosa.yin(audio, fmin=70, fmax=700, sr=RATE, frame_length=1024, hop_length=160)
    assert yin(audio, RATE) == pytest.approx(expected, rel=1e-4)


def test_frames_are_those_of_the_level_of_librosa() -> None:
    audio = voice(0.5, 0)
    level = np.sqrt((centred_frames(audio, 1024, 160) ** 2).mean(1))
    assert level == pytest.approx(librosa.feature.rms(y=audio, frame_length=1024, hop_length=160)[0], abs=1e-6)


def test_silence_has_a_pitch_in_range_rather_than_an_error() -> None:
    found = yin(np.zeros(RATE), RATE)
    assert np.isfinite(found).all() and found.min() >= 69 and found.max() <= 740
