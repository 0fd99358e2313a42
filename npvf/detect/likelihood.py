"""`LikelihoodRatio`: from the score of a method to the strength of its evidence for one of two propositions.

A calibration with equal class weights gives log-odds at equal prior odds, and these are the natural logarithm of the
likelihood ratio. Few calibration data cannot support a ratio of a million, whatever the fit extrapolates. So the ratio
is limited to the empirical bounds (ELUB) of Vergeer, van Es, de Jongh, Alberink and Stoel, "Numerical likelihood ratios
outputted by LR systems are often based on extrapolation: when to stop extrapolating?", Science & Justice 56 (2016).
The code is ours, after the method of that paper as we understand it. The package `lir` of the Netherlands Forensic
Institute (Apache-2.0) has the bounds, too, but it would become a core dependency of every detector.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from math import inf, log, log10
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit

from npvf.detect.calibration import Calibration
from npvf.detect.fit_decision import calibrated_without_own

Strength = Literal["no", "weak", "moderate", "strong", "very strong"]
# The steps of the guideline of ENFSI (2015) for likelihood ratios, where "moderately strong" is a step of its own
# between 100 and 1000, and "extremely strong" begins at a million.
STRENGTHS: tuple[tuple[float, Strength], ...] = ((0.0, "no"), (2, "weak"), (10, "moderate"), (100, "strong"))
VERY_STRONG = 10_000.0
SCALE = "weak from 2, moderate from 10, strong from 100, very strong from 10,000"


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """The likelihood ratio of two propositions as a function of a score; it grows with the score.

    Attributes:
        calibration: from the score to the natural logarithm of the likelihood ratio.
        lower, upper: bounds of log10 of the ratio. Without calibration data there is no support: both are 0.
        videos, people: how many calibration data there were of the first and the second proposition.
    """

    calibration: Calibration = field(default_factory=Calibration)
    lower: float = 0.0
    upper: float = 0.0
    videos: tuple[int, int] = (0, 0)
    people: tuple[int, int] = (0, 0)

    def log_odds(self, score: float) -> float:
        """Return the natural logarithm of the ratio without bounds: it ranks, but it may be an extrapolation."""
        return self.calibration.log_odds(score)

    def log10(self, score: float) -> float:
        """Return log10 of the ratio within its bounds.

        Examples:
            >>> ratio = LikelihoodRatio(Calibration(1.0, 0.0), lower=-1.5, upper=2.0)
            >>> [round(ratio.log10(score), 2) for score in (-10.0, 1.0, 10.0)]
            [-1.5, 0.43, 2.0]
        """
        return float(np.clip(self.log_odds(score) / log(10), self.lower, self.upper))

    @property
    def bounds(self) -> tuple[float, float]:
        """The bounds of log10 of the ratio."""
        return self.lower, self.upper

    def to_json(self) -> dict[str, Any]:
        """Return the content for `config.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> LikelihoodRatio:
        """Read the content of `config.json`."""
        pairs = {name: tuple(content[name]) for name in ("videos", "people")}
        return cls(**{**content, **pairs, "calibration": Calibration(**content["calibration"])})


def fit_likelihood(scores: ArrayLike, labels: ArrayLike, people: Sequence[Hashable]) -> LikelihoodRatio:
    """Fit a likelihood ratio to videos for which it is known which proposition is true.

    They must be other videos, of other people, than those that a network was trained on and than those that choose a
    threshold: else the ratios are too large. The bounds come from ratios that were calibrated without the person shown
    if there are enough people.

    Args:
        scores: (N,) high values for the first proposition.
        labels: (N,) 1 if the first proposition is true, 0 if the second one is.
        people: the person shown in each video.

    Raises:
        ValueError: one of the propositions is never true, or a score is not finite.
    """
    scores_N, labels_N = np.asarray(scores, np.float64), np.asarray(labels)
    calibration = Calibration.fit(scores_N, labels_N)
    apart_N = log_ratios_without_own(scores_N, labels_N, people)
    lower, upper = elub(apart_N, labels_N, people)
    of = {label: [one for one, own in zip(people, labels_N, strict=True) if own == label] for label in (1, 0)}
    videos, persons = (len(of[1]), len(of[0])), (len(set(of[1])), len(set(of[0])))
    return LikelihoodRatio(calibration, lower, upper, videos, persons)


def log_ratios_without_own(scores_N: np.ndarray, labels_N: np.ndarray, people: Sequence[Hashable]) -> np.ndarray:
    """Return natural log likelihood ratios (N,), each calibrated on the other people; on all if there are too few."""
    apart_N = calibrated_without_own(scores_N, labels_N, people)
    if apart_N is None:
        apart_N = Calibration.fit(scores_N, labels_N).probabilities(scores_N)
    return logit(np.clip(apart_N, 1e-12, 1 - 1e-12))


def elub(log_ratios: ArrayLike, labels: ArrayLike, people: Sequence[Hashable]) -> tuple[float, float]:
    """Return the empirical lower and upper bound of log10 of a likelihood ratio.

    Somebody who acts on the first proposition from a ratio of t on, where t weighs prior odds and the costs of both
    errors, has the expected cost t P(LR >= t | second) + P(LR < t | first). Without the method it is min(1, t). A ratio
    of t is supported as long as the method costs less, although one misleading ratio is added to the data of each
    proposition. Our reading: the range ends where this fails for the first time, going
    out from t = 1, and the videos of one person count as one, since they are not independent.

    Args:
        log_ratios: (N,) natural logarithms.
        labels: (N,) 1 if the first proposition is true, 0 if the second one is.
        people: the person shown in each video.

    Examples:
        >>> values, truth = [*range(-9, 0), *range(1, 10)], [0] * 9 + [1] * 9
        >>> [round(bound, 2) for bound in elub(values, truth, people=range(18))]  # at most a ratio of 9
        [-0.87, 0.87]
    """
    values_N, labels_N = np.asarray(log_ratios, np.float64), np.asarray(labels)
    items = list(zip(people, labels_N.tolist(), strict=True))
    counts = Counter(items)
    weights_N = np.array([1 / counts[item] for item in items])
    first, second = labels_N == 1, labels_N == 0
    upper = _largest(values_N[first], weights_N[first], values_N[second], weights_N[second])
    lower = _largest(-values_N[second], weights_N[second], -values_N[first], weights_N[first])
    return -lower / log(10), upper / log(10)


def strength(log10_ratio: float) -> Strength:
    """Return the strength of a likelihood ratio in words, whichever proposition it supports.

    Examples:
        >>> [strength(value) for value in (0.2, -0.5, 1.2, -3.0, 4.5)]
        ['no', 'weak', 'moderate', 'strong', 'very strong']
    """
    size = abs(log10_ratio)
    if size >= log10(VERY_STRONG):
        return "very strong"
    return [word for least, word in STRENGTHS if size >= (log10(least) if least else -inf)][-1]


def _largest(true_N: np.ndarray, weight_N: np.ndarray, false_M: np.ndarray, weight_M: np.ndarray) -> float:
    """Return ln of the largest supported ratio, at least 0.

    Between two values of the data the cost grows with t, and the method is worth its cost up to t = P(LR >= t | first)
    / P(LR >= t | second).
    """
    edges = np.unique(np.concatenate([[0.0], true_N[true_N > 0], false_M[false_M > 0], [inf]]))
    for start, end in pairwise(edges.tolist()):
        middle = start + 1e-12 if np.isinf(end) else (start + end) / 2
        hits = weight_N[true_N >= middle].sum() / (weight_N.sum() + 1)  # the added ratio is a miss
        alarms = (weight_M[false_M >= middle].sum() + 1) / (weight_M.sum() + 1)  # the added ratio is an alarm
        reach = float(np.log(hits / alarms)) if hits > 0 else -inf
        if reach < end:
            return float(max(start, reach, 0.0))
    return 0.0
