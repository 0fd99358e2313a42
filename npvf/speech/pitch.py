"""The pitch of a voice by YIN. librosa has it, too, but `librosa.yin` costs 2.5 s of imports in every verdict."""

from __future__ import annotations

import numpy as np

LEVEL = 0.1  # a lag is taken at the first dip below it, as in the paper


def yin(
    audio_N: np.ndarray, rate: int, lowest: float = 70.0, highest: float = 700.0, window: int = 1024, hop: int = 160
) -> np.ndarray:
    """Return the pitch of each frame in Hz, also of frames without a voice: the level must say which count.

    After de Cheveigné and Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA 111 (2002),
    steps 1 to 5. The frames are those of `centred_frames`, as in librosa.

    Args:
        audio_N: float samples.
        rate: samples per second.
        lowest, highest: the range of the search, Hz.
        window: samples of a frame; more than two periods of `lowest`.
        hop: samples between the middles of frames.

    Examples:
        >>> tone = np.sin(2 * np.pi * 220 * np.arange(8000) / 16000)
        >>> float(np.median(yin(tone, 16000)).round())
        220.0
    """
    first, last = int(rate / highest), min(int(np.ceil(rate / lowest)), window - 1)
    normalised_FL = _normalised_difference(centred_frames(audio_N, window, hop), last)
    searched_FL = normalised_FL[:, first:]
    dip_FL = np.zeros(searched_FL.shape, dtype=bool)
    dip_FL[:, 1:-1] = (searched_FL[:, 1:-1] < searched_FL[:, :-2]) & (searched_FL[:, 1:-1] <= searched_FL[:, 2:])
    dip_FL[:, 0] = searched_FL[:, 0] < searched_FL[:, 1]
    low_FL = dip_FL & (searched_FL < LEVEL)
    lag_F = first + np.where(low_FL.any(1), low_FL.argmax(1), searched_FL.argmin(1))
    return rate / (lag_F + _parabolic(normalised_FL, lag_F, first))


def centred_frames(audio_N: np.ndarray, window: int, hop: int) -> np.ndarray:
    """Return frames (F, window) of which the k-th is centred at sample `k * hop`; there are zeros beyond the ends."""
    padded = np.pad(audio_N.astype(np.float64), window // 2)
    return np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]


def _normalised_difference(frames_FW: np.ndarray, lags: int) -> np.ndarray:
    """Return d'(lag) of equation 8 for lags 0 to `lags`, (F, lags + 1), with the difference as librosa computes it."""
    spectrum_FK = np.fft.rfft(frames_FW, 2 * frames_FW.shape[1])
    product_FL = np.fft.irfft(np.abs(spectrum_FK) ** 2)[:, : lags + 1]
    difference_FL = 2 * (product_FL[:, :1] - product_FL[:, 1:]) - np.cumsum(frames_FW[:, :lags] ** 2, axis=1)
    mean_FL = np.cumsum(difference_FL, axis=1) / np.arange(1, lags + 1)
    tiny = np.finfo(mean_FL.dtype).tiny
    return np.pad(difference_FL / (mean_FL + tiny), ((0, 0), (1, 0)), constant_values=1.0)


def _parabolic(curve_FL: np.ndarray, lag_F: np.ndarray, first: int) -> np.ndarray:
    """Return how far the vertex of the parabola through a dip and its neighbours lies from it; 0 if beyond them."""
    rows = np.arange(len(lag_F))
    before_F, at_F, after_F = (curve_FL[rows, np.clip(lag_F + d, 0, curve_FL.shape[1] - 1)] for d in (-1, 0, 1))
    bend_F, slope_F = before_F + after_F - 2 * at_F, (after_F - before_F) / 2
    inside_F = (np.abs(slope_F) < np.abs(bend_F)) & (lag_F > first) & (lag_F < curve_FL.shape[1] - 1)
    return np.where(inside_F, -slope_F / np.where(inside_F, bend_F, 1.0), 0.0)
