"""Metrics of masks of forged pixels: AUC, F1, IoU and false-positive rate on full frames, in bounded memory.

A `PixelTally` keeps counts of one video's frames; `pixel_metrics` makes metrics of many tallies, once as a mean over
frames, as ST-DDL's published test does, and once pooled over pixels. AUC, F1 and IoU, pooled or not, are those of the
frames that hold a forged pixel. A frame without one counts for the false-positive rates alone, and the number of such
frames stands beside them: so a perfect answer is perfect however many frames are genuine.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from npvf.metrics.bootstrap import DEFAULT, Bootstrap, Estimate

# AUC looks at order alone, so probabilities are counted in bins even in log-odds: those near 0 and 1 stay apart, and
# so do all levels of an 8-bit mask, whose AUC is therefore exact.
BINS = 4096
REACH = 16.0
FRAMEWISE = ("auc", "f1", "iou", "fpr", "fpr_genuine")


@dataclass(slots=True)
class PixelTally:
    """The pixels of one video, counted.

    Attributes:
        threshold: a pixel is called forged from this probability on.
        frames: frames taken; `forged_frames` of them hold a forged pixel.
        counts_2K: genuine and forged pixels by bin of probability, of the frames that hold a forged pixel.
        called_2: of these, the genuine and the forged pixels that are called forged.
        genuine_K: pixels by bin of the frames without a forged pixel; `called_genuine` of them are called forged.
        sums, known: of each of `FRAMEWISE` the sum over frames, and the number of frames on which it is defined.
        auc_error: most by which the sum of the frames' AUCs can be wrong, for pixels of different probability in a bin.
    """

    threshold: float = 0.5
    frames: int = 0
    forged_frames: int = 0
    counts_2K: np.ndarray = field(default_factory=lambda: np.zeros((2, BINS)))
    called_2: np.ndarray = field(default_factory=lambda: np.zeros(2))
    genuine_K: np.ndarray = field(default_factory=lambda: np.zeros(BINS))
    called_genuine: float = 0.0
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FRAMEWISE, 0.0))
    known: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FRAMEWISE, 0))
    auc_error: float = 0.0

    def add(self, probability_HW: np.ndarray, forged_HW: np.ndarray) -> None:
        """Count one frame.

        Args:
            probability_HW: of each pixel being forged: floats in [0, 1], or uint8, of which 255 is certain.
            forged_HW: bool, the truth.

        Raises:
            ValueError: the shapes differ, the truth is not bool, or a probability is not in [0, 1].
        """
        probability_N, forged_N = _checked(probability_HW, forged_HW)
        counts_2K = np.bincount(_bins(probability_N) + BINS * forged_N, minlength=2 * BINS).reshape(2, BINS)
        called_2 = np.bincount(forged_N[probability_N >= self.threshold], minlength=2)
        self.frames += 1
        genuine, forged = counts_2K.sum(1).tolist()
        false, true = called_2.tolist()
        if forged:
            self.forged_frames += 1
            self.counts_2K += counts_2K
            self.called_2 += called_2
            self._note("f1", 2 * true / (true + false + forged))
            self._note("iou", true / (false + forged))
        else:
            self.genuine_K += counts_2K[0]
            self.called_genuine += false
            self._note("fpr_genuine", false / genuine)
        if genuine:
            self._note("fpr", false / genuine)
        if genuine and forged:
            area, error = _auc(counts_2K[0], counts_2K[1])
            self._note("auc", float(area))
            self.auc_error += float(error)

    def _note(self, name: str, value: float) -> None:
        self.sums[name] += value
        self.known[name] += 1


def pixel_metrics(
    tallies: Sequence[PixelTally], groups: Sequence[Hashable] | None = None, bootstrap: Bootstrap = DEFAULT
) -> dict[str, Estimate]:
    """Figures over some videos, with bootstrap intervals.

    Args:
        tallies: one a video.
        groups: what is resampled as a whole (person, source video); None: each video by itself.
        bootstrap: how intervals are made.

    Returns:
        "auc", "f1", "iou": means over the frames that hold forged pixels (AUC: and genuine ones); "fpr" over all frames
        with genuine pixels; "fpr_genuine" over the frames without forged ones; "auc_pooled", "f1_pooled" and
        "iou_pooled" over all pixels of the frames that hold forged ones; "fpr_pooled" over the genuine pixels of all
        frames. What is defined on no frame is left out.

    Raises:
        ValueError: no frame at all.

    Examples:
        >>> tally = PixelTally()
        >>> tally.add(np.array([[0.9, 0.8], [0.2, 0.1]]), np.array([[True, False], [False, False]]))
        >>> found = pixel_metrics([tally], bootstrap=Bootstrap(n=0))
        >>> round(found["f1"].value, 2), round(found["iou"].value, 2)
        (0.67, 0.5)
    """
    if not sum(tally.frames for tally in tallies):
        raise ValueError("pixel metrics need at least one frame")
    sums = {name: np.array([tally.sums[name] for tally in tallies]) for name in FRAMEWISE}
    known = {name: np.array([tally.known[name] for tally in tallies], float) for name in FRAMEWISE}
    counts_N2K = np.stack([tally.counts_2K for tally in tallies])
    called_N2 = np.stack([tally.called_2 for tally in tallies])
    alarms_N = called_N2[:, 0] + np.array([tally.called_genuine for tally in tallies])
    genuine_N = counts_N2K[:, 0].sum(1) + np.array([tally.genuine_K.sum() for tally in tallies])

    def everything(weights_RN: np.ndarray) -> dict[str, np.ndarray]:
        with np.errstate(invalid="ignore"):
            means = {name: (weights_RN @ sums[name]) / (weights_RN @ known[name]) for name in FRAMEWISE}
            alarms = {"fpr_pooled": (weights_RN @ alarms_N) / (weights_RN @ genuine_N)}
            return means | _pooled(weights_RN, counts_N2K, called_N2) | alarms

    whole = everything(np.ones((1, len(tallies))))
    defined = [name for name, value_R in whole.items() if np.isfinite(value_R[0])]

    def measure(weights_RN: np.ndarray) -> dict[str, np.ndarray]:
        values = everything(weights_RN)
        return {name: values[name] for name in defined}

    return bootstrap.estimates(measure, range(len(tallies)) if groups is None else groups)


def auc_error(tallies: Sequence[PixelTally]) -> float:
    """Most by which the mean of the frames' AUCs can be wrong, for their bins; 0 for 8-bit masks but for real ties."""
    frames = sum(tally.known["auc"] for tally in tallies)
    return sum(tally.auc_error for tally in tallies) / frames if frames else 0.0


def best_mask_threshold(tallies: Sequence[PixelTally]) -> float:
    """The threshold that gives the best IoU over the pixels of all frames.

    Genuine frames are among them, so what is marked there costs too. 0.5 where no pixel is forged.
    """
    genuine_K, forged_K = sum((tally.counts_2K for tally in tallies), np.zeros((2, BINS)))
    genuine_K = genuine_K + sum(tally.genuine_K for tally in tallies)
    if not forged_K.any():
        return 0.5
    false_K, true_K = (np.cumsum(counts_K[::-1])[::-1] for counts_K in (genuine_K, forged_K))
    best = int((true_K / (false_K + forged_K.sum())).argmax())
    return _level(best)


def _level(place: int) -> float:
    """The probability at the lower edge of a bin."""
    return float(1 / (1 + np.exp(REACH - 2 * REACH * place / (BINS - 1))))


def threshold_calling(tallies: Sequence[PixelTally], share: float) -> float:
    """The lowest threshold that calls at most this share of the pixels of all frames forged, the mean over tallies."""
    parts = [counts_K / counts_K.sum() for counts_K in (tally.counts_2K.sum(0) + tally.genuine_K for tally in tallies)]
    called_K = np.cumsum(np.mean(parts, axis=0)[::-1])[::-1]
    return _level(int(np.argmax(called_K <= share)) if (called_K <= share).any() else BINS - 1)


def share_called(tally: PixelTally, threshold: float) -> float:
    """The share of all pixels, genuine and forged, that a threshold calls forged, to a bin."""
    first = int(_bins(np.array([threshold]))[0])
    counts_K = tally.counts_2K.sum(0) + tally.genuine_K
    return float(counts_K[first:].sum() / counts_K.sum())


def _pooled(weights_RN: np.ndarray, counts_N2K: np.ndarray, called_N2: np.ndarray) -> dict[str, np.ndarray]:
    genuine_RK, forged_RK = weights_RN @ counts_N2K[:, 0], weights_RN @ counts_N2K[:, 1]
    false_R, true_R = (weights_RN @ called_N2).T
    forged_R = forged_RK.sum(-1)
    some_R = np.where(forged_R > 0, 1.0, np.nan)  # without a forged pixel there is nothing to overlap with
    return {
        "auc_pooled": _auc(genuine_RK, forged_RK)[0],
        "f1_pooled": some_R * 2 * true_R / (true_R + false_R + forged_R),
        "iou_pooled": some_R * true_R / (false_R + forged_R),
    }


def _auc(genuine_K: np.ndarray, forged_K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The AUC of (..., K) counts, pixels of one bin counting as ties, and the most by which that can be wrong."""
    pairs = genuine_K.sum(-1) * forged_K.sum(-1)
    ties = (genuine_K * forged_K).sum(-1) / 2
    below_K = np.cumsum(genuine_K, axis=-1) - genuine_K
    return ((forged_K * below_K).sum(-1) + ties) / pairs, ties / pairs


def _bins(probability_N: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        odds_N = np.log(probability_N) - np.log1p(-probability_N)
    return (np.clip((odds_N + REACH) / (2 * REACH), 0, 1) * (BINS - 1)).astype(np.int64)


def _checked(probability_HW: np.ndarray, forged_HW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if probability_HW.shape != forged_HW.shape or not probability_HW.size:
        raise ValueError(f"a mask of {probability_HW.shape} cannot be compared with one of {forged_HW.shape}")
    if forged_HW.dtype != bool:
        raise ValueError(f"the true mask is {forged_HW.dtype}, not bool: say which of its values mean forged")
    if probability_HW.dtype == np.uint8:
        probability_HW = probability_HW / np.float64(255)
    elif probability_HW.dtype.kind != "f":
        raise ValueError(f"probabilities are {probability_HW.dtype}; give floats in [0, 1] or uint8")
    if not (probability_HW.min() >= 0 and probability_HW.max() <= 1):  # not: NaN fails, too
        raise ValueError("probabilities of forged pixels must be in [0, 1]")
    return probability_HW.ravel(), forged_HW.ravel().astype(np.int64)
