"""Metrics of scores that tell fakes (1) from reals (0): AUC, average precision, EER and others, exact with ties.

Every metric takes optional `weights` of shape (N,) or (R, N), how often each item counts; with (R, N) it returns (R,)
values. That is why these are not scikit-learn's or torchmetrics' functions, which take one weighting a call: the
bootstrap over 1,000 resamples of groups would sort the scores 1,000 times. The values are equal to scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from npvf.metrics.bootstrap import DEFAULT, Bootstrap, Estimate
from npvf.metrics.checks import check_probabilities, check_scores
from npvf.metrics.reliability import balancing_weights, expected_calibration_error


@dataclass(frozen=True, slots=True)
class RocCurve:
    """Rates at each distinct threshold, from "nothing is fake" (0, 0) to "all is fake" (1, 1); (..., K + 1).

    Tied scores share one point, so the order of the input does not matter. Rates are NaN if a class has no weight.
    """

    tp: np.ndarray  # weight of fakes called fake
    fp: np.ndarray  # weight of reals called fake
    tpr: np.ndarray
    fpr: np.ndarray


def roc_curve(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> RocCurve:
    """The operating points of a detector; see `auc` for the arguments and what is raised."""
    scores_N, labels_N = check_scores(scores, labels)
    weights_N = np.ones(len(scores_N)) if weights is None else np.asarray(weights, np.float64)
    order = np.argsort(-scores_N, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores_N[order])), len(order) - 1)
    sorted_N = weights_N[..., order]
    fake_N = labels_N[order] == 1
    tp = _cumulative(np.where(fake_N, sorted_N, 0.0), ends)
    fp = _cumulative(np.where(fake_N, 0.0, sorted_N), ends)
    with np.errstate(invalid="ignore"):
        return RocCurve(tp, fp, tp / tp[..., -1:], fp / fp[..., -1:])


def auc(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Any:
    """Area under the ROC curve: the probability that a fake scores above a real, ties counting a half.

    Args:
        scores: (N,) any finite real numbers, higher = more fake; array, list or tensor on any device.
        labels: (N,) of 0 (real) and 1 (fake).
        weights: (N,) or (R, N) multiplicities.

    Returns:
        A float, or (R,) for (R, N) weights, NaN where a resample lacks a class.

    Raises:
        ValueError: a class is missing, a score is NaN or infinite, a label is neither 0 nor 1, lengths differ, or the
            scores are booleans or whole numbers (already thresholded).

    Examples:
        >>> auc([0.9, 0.4, 0.4, 0.1], [1, 1, 0, 0])
        0.875
        >>> auc([0.9, 0.4, 0.4, 0.1], [1, 1, 0, 0], weights=[[1, 1, 1, 1], [2, 0, 1, 1]])  # two resamples at once
        array([0.875, 1.   ])
    """
    return _auc(roc_curve(scores, labels, weights))


def average_precision(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Any:
    """Mean precision over the recall steps, sum of (R_k - R_{k-1}) P_k; not interpolated. Arguments as `auc`.

    Examples:
        >>> average_precision([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0])
        0.8333333333333333
    """
    return _average_precision(roc_curve(scores, labels, weights))


def eer(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Any:
    """Equal error rate: where the ROC curve, joined by straight lines, has FPR = 1 - TPR. Arguments as `auc`.

    Examples:
        >>> eer([0.9, 0.3, 0.6, 0.1], [1, 1, 0, 0])
        0.5
    """
    return _eer(roc_curve(scores, labels, weights))


def tpr_at_fpr(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None, max_fpr: float = 0.01) -> Any:
    """The best TPR among thresholds whose FPR is at most `max_fpr`; not interpolated. Arguments as `auc`.

    With fewer than 1 / `max_fpr` reals, not a single false alarm is allowed.

    Examples:
        >>> tpr_at_fpr([0.9, 0.5, 0.7, 0.1], [1, 1, 0, 0])  # with 2 reals, 1 % allows no false alarm
        0.5
    """
    return _tpr_at_fpr(roc_curve(scores, labels, weights), max_fpr)


def accuracy(
    scores: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    threshold: float = 0.5,
    balanced: bool = False,
) -> Any:
    """Share of correct calls, a score of at least `threshold` meaning fake; `balanced`: the mean of both classes.

    Examples:
        >>> accuracy([0.9, 0.8, 0.7, 0.6], [1, 1, 1, 0]), accuracy([0.9, 0.8, 0.7, 0.6], [1, 1, 1, 0], balanced=True)
        (0.75, 0.5)
    """
    scores_N, labels_N = check_scores(scores, labels)
    weights_N = np.ones(len(scores_N)) if weights is None else np.asarray(weights, np.float64)
    if balanced:
        fpr, tpr = rates(scores_N, labels_N, weights_N, threshold)
        return (1 - fpr + tpr) / 2
    right_N = ((scores_N >= threshold) == (labels_N == 1)).astype(np.float64)
    return _plain(weights_N @ right_N / weights_N.sum(-1))


def rates(
    scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None, threshold: float = 0.5
) -> tuple[Any, Any]:
    """Share of reals and of fakes that are called fake at `threshold`: FPR, TPR. Arguments as `auc`."""
    scores_N, labels_N = check_scores(scores, labels)
    weights_N = np.ones(len(scores_N)) if weights is None else np.asarray(weights, np.float64)
    called_N = (scores_N >= threshold).astype(np.float64)
    with np.errstate(invalid="ignore"):
        fpr, tpr = (
            weights_N[..., labels_N == c] @ called_N[labels_N == c] / weights_N[..., labels_N == c].sum(-1)
            for c in (0, 1)
        )
    return _plain(fpr), _plain(tpr)


def balanced_accuracy(
    scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None, threshold: float = 0.5
) -> Any:
    """Mean of the two classes' accuracies at `threshold`. Arguments as `auc`."""
    return accuracy(scores, labels, weights, threshold, balanced=True)


def detection_metrics(
    scores: ArrayLike,
    labels: ArrayLike,
    groups: Sequence[Hashable] | None = None,
    bootstrap: Bootstrap = DEFAULT,
    threshold: float = 0.5,
) -> dict[str, Estimate]:
    """All metrics of one set of fake probabilities, each but the calibration errors with its bootstrap interval.

    Args:
        scores: (N,) probabilities of fake in [0, 1], never thresholded.
        labels: (N,) of 0 and 1.
        groups: (N,) what is resampled as a whole (person, source video); None: each item by itself.
        bootstrap: how intervals are made.
        threshold: an item with at least this probability is called fake.

    Returns:
        "auc", "average_precision", "eer", "balanced_accuracy", "accuracy", "tpr_at_fpr_1", "fpr" and "tpr" at the
        threshold, "ece" and "ece_balanced" (both classes have the weight 1/2) -> Estimate.

    Raises:
        ValueError: as `auc`; a score outside [0, 1].

    Examples:
        >>> people = ["ann", "ann", "bob", "bob"]
        >>> found = detection_metrics([0.9, 0.2, 0.8, 0.3], [1, 0, 1, 0], groups=people)
        >>> found["auc"].value, found["auc"].interval.groups
        (1.0, 2)
    """
    scores_N, labels_N = check_probabilities(scores, labels)

    def measure(weights_RN: np.ndarray) -> dict[str, np.ndarray]:
        curve = roc_curve(scores_N, labels_N, weights_RN)
        fpr, tpr = rates(scores_N, labels_N, weights_RN, threshold)
        return {
            "auc": _auc(curve),
            "average_precision": _average_precision(curve),
            "eer": _eer(curve),
            "balanced_accuracy": (1 - fpr + tpr) / 2,
            "accuracy": accuracy(scores_N, labels_N, weights_RN, threshold),
            "tpr_at_fpr_1": _tpr_at_fpr(curve, 0.01),
            "fpr": fpr,
            "tpr": tpr,
        }

    found = bootstrap.estimates(measure, range(len(scores_N)) if groups is None else groups)
    # Without intervals: resampling always increases a calibration error, so percentiles would lie above the value.
    weights = {"ece": None, "ece_balanced": balancing_weights(labels_N)}
    errors = {name: expected_calibration_error(scores_N, labels_N, w_N) for name, w_N in weights.items()}
    return found | {name: Estimate(error, len(scores_N)) for name, error in errors.items()}


def _cumulative(weights: np.ndarray, ends: np.ndarray) -> np.ndarray:
    total = np.cumsum(weights, axis=-1)[..., ends]
    return np.concatenate([np.zeros_like(total[..., :1]), total], axis=-1)


def _auc(curve: RocCurve) -> Any:
    steps = np.diff(curve.fpr, axis=-1)
    return _plain((steps * (curve.tpr[..., 1:] + curve.tpr[..., :-1]) / 2).sum(-1))


def _average_precision(curve: RocCurve) -> Any:
    called = curve.tp + curve.fp
    precision = np.divide(curve.tp, called, out=np.zeros_like(called), where=called > 0)
    return _plain((np.diff(curve.tpr, axis=-1) * precision[..., 1:]).sum(-1) + 0 * curve.fpr[..., -1])


def _eer(curve: RocCurve) -> Any:
    excess = (1 - curve.tpr) - curve.fpr  # falls from 1 to -1
    after = np.argmax(excess <= 0, axis=-1)[..., None]
    before = np.maximum(after - 1, 0)

    def at(values: np.ndarray, index: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, index, axis=-1)[..., 0]

    high, low = at(excess, before), at(excess, after)
    with np.errstate(invalid="ignore"):
        share = high / (high - low)
    return _plain(at(curve.fpr, before) + share * (at(curve.fpr, after) - at(curve.fpr, before)))


def _tpr_at_fpr(curve: RocCurve, max_fpr: float) -> Any:
    allowed = np.where(curve.fpr <= max_fpr, curve.tpr, 0.0).max(-1)
    return _plain(allowed + 0 * curve.fpr[..., -1] + 0 * curve.tpr[..., -1])


def _plain(values: Any) -> Any:
    return values if np.ndim(values) else float(values)
