"""Measure the silence at the start of a recording. In some corpora it separates fakes from reals."""

from __future__ import annotations

import numpy as np

from npvf.clip import SAMPLE_RATE

WINDOW = SAMPLE_RATE // 200  # 5 ms
QUIET_DB = 40.0  # below the loudest window: the level of pauses between words, breath and rooms
DEAD_DB = -70.0  # full scale: microphones are louder, padding is quieter, also after a lossy codec


def quiet_start(audio_N: np.ndarray) -> float:
    """Return the seconds before the audio first comes within 40 dB of its loudest 5 ms; (N,) in [-1, 1] at 16 kHz.

    If all samples are zero, this is the whole duration.
    """
    level_W = _levels(audio_N)
    return _before(level_W, max(level_W.max(initial=DEAD_DB) - QUIET_DB, DEAD_DB))


def dead_start(audio_N: np.ndarray) -> float:
    """Return the seconds before the audio first exceeds -70 dB full scale: digital silence, not from a microphone."""
    return _before(_levels(audio_N), DEAD_DB)


def loudness(audio_N: np.ndarray) -> float:
    """Return the mean power in dB full scale, at least -120."""
    return float(10 * np.log10(np.square(audio_N, dtype=np.float64).mean() + 1e-12))


def _levels(audio_N: np.ndarray) -> np.ndarray:
    """Return the level of each 5 ms in dB full scale, (ceil(N / 80),); the last window may be shorter."""
    starts_W = np.arange(0, len(audio_N), WINDOW)
    if not len(starts_W):
        return np.zeros(0)
    power_W = np.add.reduceat(np.square(audio_N, dtype=np.float64), starts_W)
    return 10 * np.log10(power_W / np.diff(starts_W, append=len(audio_N)) + 1e-12)


def _before(level_W: np.ndarray, threshold: float) -> float:
    heard_W = level_W > threshold
    return float(np.argmax(heard_W) if heard_W.any() else len(level_W)) * WINDOW / SAMPLE_RATE
