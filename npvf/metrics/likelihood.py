"""Metrics of likelihood ratios: Cllr, the part of it that no calibration can mend, and Tippett curves.

The code is ours, since npvf does not depend on a forensic package such as `lir` of the Netherlands Forensic Institute.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from npvf.metrics.checks import check_scores


@dataclass(frozen=True, slots=True)
class TippettCurve:
    """Shares of videos whose log10 likelihood ratio is at least a value, for both propositions, (K,) each.

    `misleading` are the shares of misleading evidence: ratios below 1 where the first proposition is true, and above 1
    where the second one is.
    """

    log10_lr: np.ndarray
    first: np.ndarray
    second: np.ndarray
    misleading: tuple[float, float]


def cllr(log_ratios: ArrayLike, labels: ArrayLike) -> float:
    """Cost of log likelihood ratios: 0 is perfect, 1 is that of ratios that always are 1, and more is misleading.

    (mean of log2(1 + 1 / LR) over the first proposition + mean of log2(1 + LR) over the second one) / 2 (Brümmer and
    du Preez, "Application-independent evaluation of speaker detection", 2006).

    Args:
        log_ratios: (N,) natural logarithms of likelihood ratios; infinite values are allowed.
        labels: (N,) 1 if the first proposition is true, 0 if the second one is.

    Raises:
        ValueError: one of the propositions is never true, or a value is NaN.

    Examples:
        >>> cllr([0.0, 0.0], [0, 1]), round(cllr([-5.0, 5.0], [0, 1]), 4)
        (1.0, 0.0097)
    """
    values_N, labels_N = np.asarray(log_ratios, np.float64), np.asarray(labels)
    if np.isnan(values_N).any() or not {0, 1} == set(labels_N.tolist()):
        raise ValueError("cllr needs log likelihood ratios without NaN, and both propositions (labels 0 and 1)")
    against_N = np.where(labels_N == 1, -values_N, values_N)
    first, second = (np.logaddexp(0, against_N[labels_N == label]).mean() for label in (1, 0))
    return float((first + second) / 2 / np.log(2))


def cllr_min(scores: ArrayLike, labels: ArrayLike) -> float:
    """Return Cllr after the best monotone calibration (pool adjacent violators), which depends on their order only.

    Arguments and errors as `npvf.metrics.detection.auc`.

    Examples:
        >>> cllr_min([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]), cllr_min([0.5, 0.5], [0, 1])
        (0.0, 1.0)
    """
    scores_N, labels_N = check_scores(scores, labels)
    return cllr(best_log_ratios(scores_N, labels_N), labels_N)


def best_log_ratios(scores_N: np.ndarray, labels_N: np.ndarray) -> np.ndarray:
    """Return natural log likelihood ratios (N,) of the best monotone calibration; at the ends they are infinite."""
    first = labels_N == 1
    weight_N = np.where(first, 0.5 / first.sum(), 0.5 / (~first).sum())
    _, place_N = np.unique(scores_N, return_inverse=True)  # equal scores get equal ratios
    weight_K, hit_K = (np.bincount(place_N, weights=w_N) for w_N in (weight_N, weight_N * first))
    posterior_K = np.clip(isotonic_regression(hit_K / weight_K, weights=weight_K).x, 0, 1)
    with np.errstate(divide="ignore"):
        return (np.log(posterior_K) - np.log1p(-posterior_K))[place_N]


def tippett(log_ratios: ArrayLike, labels: ArrayLike) -> TippettCurve:
    """Return the Tippett curve of natural log likelihood ratios (N,); arguments and errors as `cllr`.

    Examples:
        >>> curve = tippett([-3.0, 1.0, 2.0, 4.0], [0, 0, 1, 1])
        >>> curve.first.tolist(), curve.second.tolist(), curve.misleading
        ([1.0, 1.0, 1.0, 0.5], [1.0, 0.5, 0.0, 0.0], (0.0, 0.5))
    """
    cllr(log_ratios, labels)  # for its checks
    values_N, labels_N = np.asarray(log_ratios, np.float64), np.asarray(labels)
    at_K = np.unique(values_N)
    first_N, second_N = (np.sort(values_N[labels_N == label]) for label in (1, 0))
    first_K, second_K = (1 - np.searchsorted(x_N, at_K) / len(x_N) for x_N in (first_N, second_N))
    misleading = float((first_N < 0).mean()), float((second_N > 0).mean())
    return TippettCurve(at_K / np.log(10), first_K, second_K, misleading)
