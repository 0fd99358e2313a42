"""Two detectors on the same items: is the difference of their AUCs more than chance?

The bootstrap draws people (or videos) and sees both detectors on each draw, so what is hard for both cancels out. The
test of DeLong et al. (1988) takes every item for independent evidence, which clips of one person are not: it stands
beside the bootstrap as a check, and is the narrower of the two where groups are large.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata

from npvf.metrics.bootstrap import Interval, resampled
from npvf.metrics.checks import check_scores
from npvf.metrics.detection import auc


@dataclass(frozen=True, slots=True)
class PairedTest:
    """AUC of A less AUC of B on the same items.

    `p` is two-sided; `interval` is the bootstrap's, or the normal one of DeLong's standard error.
    """

    auc_a: float
    auc_b: float
    difference: float
    interval: tuple[float, float]
    p: float

    def to_json(self) -> dict[str, Any]:
        """Flat, the interval as `difference_ci`."""
        return {
            "auc_a": self.auc_a,
            "auc_b": self.auc_b,
            "difference": self.difference,
            "difference_ci": list(self.interval),
            "p": self.p,
        }


def paired_bootstrap(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    labels: ArrayLike,
    groups: Sequence[Hashable] | None = None,
    n: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> PairedTest:
    """Difference of two AUCs, whole groups drawn with replacement, both detectors on each draw.

    p is twice the share of draws on the other side of no difference (a draw without any counts for both sides), with
    one draw added to each side: of n draws it cannot be below 2 / (n + 1). It is the level at which the percentile
    interval just touches 0.

    Args:
        scores_a, scores_b: (N,) of the two detectors, higher = more fake; each on its own scale.
        labels: (N,) of 0 and 1.
        groups: (N,) what is drawn as a whole; None: each item by itself.
        n: draws.
        seed: of the draws.
        level: of the interval.

    Raises:
        ValueError: as `npvf.metrics.detection.auc`; fewer than two groups.
    """
    (a_N, labels_N), (b_N, _) = check_scores(scores_a, labels), check_scores(scores_b, labels)

    def difference(weights_RN: np.ndarray) -> dict[str, np.ndarray]:
        return {"": auc(a_N, labels_N, weights_RN) - auc(b_N, labels_N, weights_RN)}

    draws, groups_drawn, redrawn = resampled(difference, range(len(a_N)) if groups is None else groups, n, seed)
    interval = Interval.of(draws[""], level, groups_drawn, redrawn)
    below, above = (draws[""] <= 0).sum(), (draws[""] >= 0).sum()
    p = min(1.0, 2 * (min(below, above) + 1) / (n + 1))
    auc_a, auc_b = auc(a_N, labels_N), auc(b_N, labels_N)
    return PairedTest(auc_a, auc_b, auc_a - auc_b, (interval.low, interval.high), float(p))


def delong(scores_a: ArrayLike, scores_b: ArrayLike, labels: ArrayLike, level: float = 0.95) -> PairedTest:
    """DeLong's test of two correlated AUCs, by mid-ranks (Sun and Xu, 2014), ties counting a half.

    Two detectors that order every pair alike have no difference and p = 1.

    Raises:
        ValueError: as `npvf.metrics.detection.auc`; fewer than two items of a class, which leaves no variance.

    Examples:
        >>> labels = [1, 1, 1, 0, 0, 0]
        >>> test = delong([0.9, 0.8, 0.3, 0.4, 0.2, 0.1], [0.6, 0.4, 0.3, 0.5, 0.2, 0.1], labels)
        >>> round(test.difference, 2), test.p > 0.05
        (0.11, True)
    """
    (a_N, labels_N), (b_N, _) = check_scores(scores_a, labels), check_scores(scores_b, labels)
    fakes, reals = int(labels_N.sum()), int((1 - labels_N).sum())
    if min(fakes, reals) < 2:
        raise ValueError(f"DeLong's test needs two items of each class, there are {reals} real and {fakes} fake ones")
    aucs, over_fakes, over_reals = zip(*(_placements(scores, labels_N) for scores in (a_N, b_N)), strict=True)
    covariance = np.cov(over_fakes) / fakes + np.cov(over_reals) / reals
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    error = float(np.sqrt(max(variance, 0.0)))
    difference = aucs[0] - aucs[1]
    reach = float(norm.ppf((1 + level) / 2)) * error
    same = abs(difference) < 1e-12  # then error may be 0 as well
    p = 1.0 if same else float(2 * norm.sf(abs(difference) / max(error, 1e-12)))
    return PairedTest(aucs[0], aucs[1], difference, (difference - reach, difference + reach), p)


def _placements(scores_N: np.ndarray, labels_N: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The AUC, of each fake the share of reals below it, and of each real the share of fakes above it."""
    fake_N = labels_N == 1
    rank_N = rankdata(scores_N)
    fakes, reals = int(fake_N.sum()), int((~fake_N).sum())
    below_F = (rank_N[fake_N] - rankdata(scores_N[fake_N])) / reals
    above_R = 1 - (rank_N[~fake_N] - rankdata(scores_N[~fake_N])) / fakes
    return float(below_F.mean()), below_F, above_R
