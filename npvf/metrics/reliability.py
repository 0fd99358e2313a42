"""Do probabilities mean what they say? Expected calibration error and the curve behind it.

Items are binned by their probability of *fake*, and a bin's rate is its share of fakes (scikit-learn's
`calibration_curve`, torchmetrics' `BinaryCalibrationError`). Guo et al. (2017) bin the confidence of the predicted
class instead. Own code, because neither library takes weights, which `ece_balanced` and the balanced curve need.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from npvf.metrics.checks import check_probabilities

BINS = 15


@dataclass(frozen=True, slots=True)
class ReliabilityCurve:
    """K bins of equal width over [0, 1]; NaN where a bin is empty.

    Attributes:
        edges: (K + 1,) of the bins; a probability on an edge belongs to the bin above it, 1 to the last.
        probability, rate: (K,) mean probability and share of fakes.
        count: (K,) weight of the items.
    """

    edges: np.ndarray
    probability: np.ndarray
    rate: np.ndarray
    count: np.ndarray


def reliability_curve(
    probabilities: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None, bins: int = BINS
) -> ReliabilityCurve:
    """Share of fakes against probability of fake. Arguments and errors as `expected_calibration_error`."""
    p_N, labels_N, member_NK = _binned(probabilities, labels, bins)
    weights_N = np.ones(len(p_N)) if weights is None else np.asarray(weights, np.float64)
    count_K = weights_N @ member_NK
    with np.errstate(invalid="ignore"):
        probability_K, rate_K = ((weights_N * x_N) @ member_NK / count_K for x_N in (p_N, labels_N))
    return ReliabilityCurve(np.linspace(0, 1, bins + 1), probability_K, rate_K, count_K)


def expected_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None, bins: int = BINS
) -> float:
    """|Share of fakes - mean probability| of each bin, averaged over the items.

    Args:
        probabilities: (N,) of fake, in [0, 1].
        labels: (N,) of 0 (real) and 1 (fake).
        weights: (N,) how much each item counts.
        bins: of equal width.

    Raises:
        ValueError: as `npvf.metrics.detection.auc`; a probability outside [0, 1].

    Examples:
        >>> expected_calibration_error([0.5, 0.5], [0, 1]), expected_calibration_error([0.75, 0.75], [0, 1])
        (0.0, 0.25)
    """
    p_N, labels_N, member_NK = _binned(probabilities, labels, bins)
    weights_N = np.ones(len(p_N)) if weights is None else np.asarray(weights, np.float64)
    # |sum of labels - sum of probabilities| of a bin is its weight times the difference of the two means.
    excess_K = (weights_N * (labels_N - p_N)) @ member_NK
    return float(np.abs(excess_K).sum() / weights_N.sum())


def balancing_weights(labels: ArrayLike) -> np.ndarray:
    """Weights (N,) that give both classes the total weight 1/2, as in npvf's calibration.

    A detector's probability assumes that real and fake are equally likely, whatever the shares in a corpus.
    """
    labels_N = np.asarray(labels)
    return 0.5 / np.bincount(labels_N, minlength=2)[labels_N]


def _binned(probabilities: ArrayLike, labels: ArrayLike, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p_N, labels_N = check_probabilities(probabilities, labels)
    # By comparison with the edges: int(probability * bins) would put some edges into the wrong bin by rounding.
    bin_N = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], p_N, side="right")
    return p_N, labels_N, np.eye(bins)[bin_N]
