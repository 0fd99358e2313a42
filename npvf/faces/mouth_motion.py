"""Statistics of how a mouth moves, in which people differ from most mouths that a generator draws.

People move both halves of the mouth a little differently, move jaw and cheeks along with the lips, and move abruptly.
Generators predict a smooth and symmetric average. All statistics are ratios or correlations within one face, so size,
distance, and amplitude of speech hardly matter. They are ours, not a paper's.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from npvf.clip import FPS, MOTION_STATISTICS
from npvf.faces.lips import LIPS
from npvf.faces.mouth_geometry import GEOMETRY_POINTS

WINDOW = 48  # frames
STATISTICS = MOTION_STATISTICS
FAST_HZ = 5.0
# Frames; the tracker's own jitter, which depends on resolution and compression, is mostly above this.
SMOOTHING = 0.7
_EPSILON = 1e-6


def motion_statistics(geometry_TP2: np.ndarray) -> np.ndarray:
    """Return the values of `STATISTICS` for one window.

    - asymmetry: deviation of the difference of the vertical velocities of both corners of the mouth, over that of
      their sum.
    - jaw_with_opening, width_with_opening: correlations of the heights of chin and opening, and of width and opening.
    - jaw_share: deviation of the height of the chin over that of the opening.
    - ..._jerk: deviation of the third difference over that of the first one.
    - ..._fast: share of power above 5 Hz.
    - cheeks_share, chin_share: mean speed of cheeks and chin over that of the lips.

    Args:
        geometry_TP2: (T, 64, 2) from `npvf.faces.mouth_geometry`, of at least 8 frames.

    Returns:
        (12,) float64.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> values = motion_statistics(rng.normal(size=(72, 64, 2)).cumsum(0))
        >>> bool(dict(zip(STATISTICS, values))["opening_fast"] < 0.1)
        True
    """
    smooth_TP2 = gaussian_filter1d(geometry_TP2.astype(np.float64), SMOOTHING, axis=0)
    left_T2, right_T2, upper_T2, lower_T2, chin_T2 = (smooth_TP2[:, _PLACE[point]] for point in _LANDMARKS)
    opening_T, width_T, jaw_T = lower_T2[:, 1] - upper_T2[:, 1], right_T2[:, 0] - left_T2[:, 0], chin_T2[:, 1]
    speed_TP = np.linalg.norm(np.diff(smooth_TP2, axis=0), axis=2)
    lips = speed_TP[:, : len(LIPS)].mean() + _EPSILON
    up_left_T, up_right_T = np.diff(left_T2[:, 1]), np.diff(right_T2[:, 1])
    return np.array(
        [
            (up_left_T - up_right_T).std() / ((up_left_T + up_right_T).std() + _EPSILON),
            _correlation(jaw_T, opening_T),
            _correlation(width_T, opening_T),
            jaw_T.std() / (opening_T.std() + _EPSILON),
            *(_jerk(x_T) for x_T in (opening_T, jaw_T, width_T)),
            *(_fast_share(x_T) for x_T in (opening_T, jaw_T, width_T)),
            speed_TP[:, _CHEEKS].mean() / lips,
            speed_TP[:, _CHIN].mean() / lips,
        ]
    )


def mouth_travel(geometry_TP2: np.ndarray) -> float:
    """Return the deviation of the mouth's opening over time, in distances of the eyes; near 0 for a still face."""
    smooth_TP2 = gaussian_filter1d(geometry_TP2.astype(np.float64), SMOOTHING, axis=0)
    return float((smooth_TP2[:, _PLACE[_LANDMARKS[3]], 1] - smooth_TP2[:, _PLACE[_LANDMARKS[2]], 1]).std())


_PLACE = {point: index for index, point in enumerate(GEOMETRY_POINTS.tolist())}
_LANDMARKS = (61, 291, 13, 14, 152)  # corners of the mouth, inner upper and lower lip, chin
_CHEEKS = [_PLACE[point] for point in (50, 280, 205, 425)]
_CHIN = [_PLACE[point] for point in (152, 148, 377)]


def _jerk(x_T: np.ndarray) -> float:
    return float(np.diff(x_T, 3).std() / (np.diff(x_T).std() + _EPSILON))


def _fast_share(x_T: np.ndarray) -> float:
    # A periodogram of one Hann window, as `scipy.signal.welch` gives it; scipy.signal takes a second to import.
    hann_T = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(len(x_T)) / len(x_T))
    power_F = np.abs(np.fft.rfft((x_T - x_T.mean()) * hann_T)) ** 2 / (FPS * (hann_T**2).sum())
    power_F[1 : None if len(x_T) % 2 else -1] *= 2
    hertz_F = np.fft.rfftfreq(len(x_T), 1 / FPS)
    return float(power_F[hertz_F >= FAST_HZ].sum() / (power_F.sum() + 1e-12))


def _correlation(a_T: np.ndarray, b_T: np.ndarray) -> float:
    both = a_T.std() * b_T.std()
    return float(((a_T - a_T.mean()) * (b_T - b_T.mean())).mean() / both) if both > 1e-12 else 0.0
