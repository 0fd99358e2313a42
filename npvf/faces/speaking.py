"""Compare the movement of a mouth with the level of the audio, without learning: who speaks?

Rates of change are compared, not the values: most sentences are loud in the middle and quiet at the ends, so that the
aperture of any lips correlates with the level of any audio. On 28 clips of one GRID speaker and 10 clips of ten others,
with true and swapped audio and lags of +-2 frames, rates have an AUC of .80 and .90, values .69 and .76.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from npvf.clip import SAMPLES_PER_FRAME
from npvf.faces.geometry import face_size

# Inner lips, upper and lower, at one third, the middle and two thirds of the mouth's width.
_UPPER = np.array([82, 13, 312])
_LOWER = np.array([87, 14, 317])
_CORNERS = (61, 291)
MAX_LAG = 7

# The change of a still mouth's aperture per frame that landmark noise causes (standard deviation).
_STILL = 0.006


def lip_aperture(landmarks_TN2: np.ndarray) -> np.ndarray:
    """Return the gap of the inner lips in face sizes: (T, 478, 2) -> (T,). Closed lips: about 0, wide open: 0.8."""
    gap = landmarks_TN2[..., _LOWER, :] - landmarks_TN2[..., _UPPER, :]
    return np.linalg.norm(gap, axis=-1).mean(axis=-1) / face_size(landmarks_TN2)


def lip_width(landmarks_TN2: np.ndarray) -> np.ndarray:
    """Return the distance of the mouth's corners in face sizes: (T, 478, 2) -> (T,). At rest: about 1.2."""
    left, right = (landmarks_TN2[..., i, :] for i in _CORNERS)
    return np.linalg.norm(right - left, axis=-1) / face_size(landmarks_TN2)


def energy_envelope(audio_N: np.ndarray) -> np.ndarray:
    """Return the audio level in dB for each video frame: (640 T,) at 16 kHz -> (T,), at least -60 dB full scale."""
    frames = len(audio_N) // SAMPLES_PER_FRAME
    power = np.square(audio_N[: frames * SAMPLES_PER_FRAME].astype(np.float64)).reshape(frames, SAMPLES_PER_FRAME)
    return 10 * np.log10(power.mean(axis=1) + 1e-6)


def aperture_energy_similarity(aperture_T: np.ndarray, energy_T: np.ndarray, max_lag: int = MAX_LAG) -> float:
    """Correlate the opening and closing of the lips with the rise and fall of the audio level, in [-1, 1].

    The value is the best correlation of the two rates of change (Gaussian derivative, one frame wide) over lags within
    +-`max_lag` frames, times s^2 / (s^2 + still^2), where s is the standard deviation of the lips' rate: the value of a
    mouth that hardly moves is about 0, even if its landmark noise happens to correlate.

    Raises `ValueError` if the tracks differ in length or are shorter than 2 `max_lag` + 3 frames.
    """
    lips_T, sound_T = (gaussian_filter1d(x_T.astype(np.float64), 1.0, order=1) for x_T in (aperture_T, energy_T))
    moving = lips_T.var() / (lips_T.var() + _STILL**2)
    return float(moving) * max(lagged_correlations(lips_T, sound_T, max_lag))


def lagged_correlations(a_T: np.ndarray, b_T: np.ndarray, max_lag: int) -> list[float]:
    """Return Pearson's correlation of a[t] with b[t + lag] for lags from -max_lag to max_lag, over common frames."""
    frames = len(a_T)
    if len(b_T) != frames or frames < 2 * max_lag + 3:
        raise ValueError(f"tracks of {frames} and {len(b_T)} frames cannot be compared over +-{max_lag} frames")
    correlations = []
    for lag in range(-max_lag, max_lag + 1):
        a = a_T[max(0, -lag) : frames - max(0, lag)]
        b = b_T[max(0, lag) : frames - max(0, -lag)]
        correlations.append(_correlation(a, b))
    return correlations


def speaking_score(landmarks_TN2: np.ndarray, audio_N: np.ndarray, max_lag: int = MAX_LAG) -> float:
    """Score how well the audio fits a mouth, in [-1, 1]. The speaker's track has the highest score of its video.

    Args:
        landmarks_TN2: (T, 478, 2) in crop or source pixels.
        audio_N: (640 T,) of the same span.
    """
    aperture_T = lip_aperture(landmarks_TN2)
    energy_T = energy_envelope(audio_N)[: len(aperture_T)]
    return aperture_energy_similarity(aperture_T, energy_T, max_lag)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = np.sqrt(np.square(a).sum() * np.square(b).sum())
    return float((a * b).sum() / norm) if norm > 1e-9 else 0.0
