"""Habits of motion: correlations between the motions of head, mouth and brows. People differ in them.

After Agarwal, Farid, Gu, He, Nagano and Li, "Protecting world leaders against deep fakes", CVPR workshops (2019), who
correlate action units and head rotation over ten seconds. Our reading: distances between MediaPipe's landmarks in place
of action units, and windows of 1.92 s, since a questioned clip is short.
"""

from __future__ import annotations

import numpy as np

from npvf.faces.mouth_motion import WINDOW

SIGNALS = (
    "opening", "width", "jaw", "left_corner", "right_corner", "upper_lip", "roll", "across", "down", "yaw", "pitch",
    "brows", "eyelid", "size",
)  # fmt: skip
"""What moves. `across` and `down` are the place of the head in the picture, `size` its distance from the camera."""

HABITS = len(SIGNALS) * (len(SIGNALS) - 1) // 2
_BRIDGE, _NOSE, _CHIN, _UPPER_LIP = 168, 1, 152, 0


def habit_windows(landmarks_TN2: np.ndarray, transform_T23: np.ndarray, hop: int = WINDOW // 2) -> np.ndarray:
    """Return the correlations between all pairs of `SIGNALS`, (K, 91), for each window of 48 frames.

    Args:
        landmarks_TN2: (T, 478, 2) in pixels of the crop.
        transform_T23: (T, 2, 3) from source pixels to crop pixels.
        hop: frames between the starts of windows.
    """
    signals_TS = motion_signals(landmarks_TN2, transform_T23)
    pairs = np.triu_indices(len(SIGNALS), 1)
    starts = range(0, len(signals_TS) - WINDOW + 1, hop)
    found = [_correlations(signals_TS[start : start + WINDOW])[pairs] for start in starts]
    return np.array(found).reshape(len(found), HABITS)


def motion_signals(landmarks_TN2: np.ndarray, transform_T23: np.ndarray) -> np.ndarray:
    """Return `SIGNALS`, (T, 14), lengths in distances of the eyes."""
    p_TN2 = landmarks_TN2.astype(np.float64)
    eyes = np.linalg.norm(p_TN2[:, 33] - p_TN2[:, 263], axis=-1).mean() + 1e-6
    linear_T22, offset_T2 = transform_T23[:, :, :2].astype(np.float64), transform_T23[:, :, 2].astype(np.float64)
    zoom_T = np.hypot(linear_T22[:, 1, 0], linear_T22[:, 0, 0])
    # The bridge of the nose in the source, in distances of the eyes there.
    place_T2 = np.linalg.solve(linear_T22, (p_TN2[:, _BRIDGE] - offset_T2)[..., None])[..., 0] * zoom_T[:, None] / eyes

    def below_bridge(point: int) -> np.ndarray:
        return (p_TN2[:, point, 1] - p_TN2[:, _BRIDGE, 1]) / eyes

    def apart(one: int, other: int) -> np.ndarray:
        return np.linalg.norm(p_TN2[:, one] - p_TN2[:, other], axis=-1) / eyes

    left, right = p_TN2[:, _NOSE, 0] - p_TN2[:, 234, 0], p_TN2[:, 454, 0] - p_TN2[:, _NOSE, 0]
    signals = {
        "opening": apart(13, 14),
        "width": apart(61, 291),
        "jaw": below_bridge(_CHIN),
        "left_corner": below_bridge(61),
        "right_corner": below_bridge(291),
        "upper_lip": below_bridge(_UPPER_LIP),
        "roll": np.arctan2(linear_T22[:, 1, 0], linear_T22[:, 0, 0]),
        "across": place_T2[:, 0],
        "down": place_T2[:, 1],
        "yaw": (left - right) / eyes,
        "pitch": below_bridge(_NOSE),
        "brows": (below_bridge(105) + below_bridge(334)) / 2,
        "eyelid": apart(159, 145),
        "size": np.log(zoom_T),
    }
    return np.stack([signals[name] for name in SIGNALS], axis=1)


def _correlations(signals_TS: np.ndarray) -> np.ndarray:
    """Return Pearson's correlations, 0 with a signal that does not move."""
    centred_TS = signals_TS - signals_TS.mean(0)
    spread_S = centred_TS.std(0)
    unit_TS = centred_TS / np.where(spread_S > 1e-9, spread_S, np.inf)
    return unit_TS.T @ unit_TS / len(signals_TS)
