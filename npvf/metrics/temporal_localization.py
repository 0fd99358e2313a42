"""Temporal localization of forged spans: AP at several IoUs and AR at several numbers of proposals (`POINTS`).

The metrics of LAV-DF and AV-Deepfake1M, which took them from ActivityNet. Ours are equal to the published code of the
two corpora, with these exceptions:

- AP: the proposals of all videos in the order of their scores. A proposal is correct if its IoU with a forged span is
  at least the given one, and if no better proposal has taken that span. Every proposal in a genuine video is a false
  alarm. Tied scores are one point of the curve, precision is interpolated (the best at this recall or above), and AP is
  the area under the curve. The published code leaves out the area before the curve's second point, so that its AP is
  lower by at most 1 / (number of forged spans).
- AR at N: the share of all forged spans that one of the best N proposals of their video meets, mean over the IoUs
  0.5, 0.55, ..., 0.95.
- An IoU that is exactly at the limit counts as met here (`>=`); the published code of AP wants more than that (`>`).
- A video without a proposal misses all its forged spans here. AV-Deepfake1M's later implementation leaves such videos
  out of the count, which makes a detector look better that often finds nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from npvf.metrics.bootstrap import DEFAULT, Bootstrap, Estimate

# The points that each corpus reports; all of them are measured on every corpus.
POINTS = {
    "LAV-DF": {"ap": (0.5, 0.75, 0.95), "ar": (100, 50, 20, 10)},
    "AV-Deepfake1M": {"ap": (0.5, 0.75, 0.9, 0.95), "ar": (50, 20, 10, 5)},
}
AP_IOUS = (0.5, 0.75, 0.9, 0.95)
AR_COUNTS = (100, 50, 20, 10, 5)
AR_IOUS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))


@dataclass(frozen=True, slots=True)
class Proposals:
    """Spans of one video that may be forged: start and end in seconds (P, 2) and scores (P,), in any order."""

    spans_P2: np.ndarray
    scores_P: np.ndarray


NOTHING_PROPOSED = Proposals(np.zeros((0, 2)), np.zeros(0))


def localization_metrics(
    found: Sequence[Proposals],
    truth: Sequence[np.ndarray],
    groups: Sequence[Hashable] | None = None,
    bootstrap: Bootstrap = DEFAULT,
) -> dict[str, Estimate]:
    """All localization metrics of V videos, each with its bootstrap interval.

    Args:
        found: the proposals of each video; `NOTHING_PROPOSED` for a video that was not judged, whose forged spans are
            then missed.
        truth: the forged spans (G, 2) of each video in seconds; (0, 2) for a genuine video.
        groups: (V,) what is resampled as a whole; None: each video by itself.
        bootstrap: how intervals are made.

    Returns:
        "ap_50", "ap_75", "ap_90", "ap_95", "ar_100", "ar_50", "ar_20", "ar_10", "ar_5" -> Estimate.

    Raises:
        ValueError: no video has a forged span; the numbers of videos differ; a score is NaN or infinite.

    Examples:
        >>> found = [Proposals(np.array([[1.0, 2.0], [4.0, 5.0]]), np.array([0.9, 0.1])), NOTHING_PROPOSED]
        >>> truth = [np.array([[1.0, 2.0]]), np.zeros((0, 2))]  # the second video is genuine
        >>> metrics = localization_metrics(found, truth, bootstrap=Bootstrap(n=0))
        >>> metrics["ap_50"].value, metrics["ar_10"].value
        (1.0, 1.0)
    """
    if len(found) != len(truth):
        raise ValueError(f"proposals of {len(found)} videos and forged spans of {len(truth)}")
    spans_V = np.array([len(spans_G2) for spans_G2 in truth])
    if not spans_V.sum():
        raise ValueError("no video has a forged span: there is nothing to localize")
    if not all(np.isfinite(p.scores_P).all() for p in found):
        raise ValueError("a proposal's score is NaN or infinite")
    best = [_ranked(p) for p in found]
    overlaps = [interval_iou(p.spans_P2, spans_G2) for p, spans_G2 in zip(best, truth, strict=True)]
    pooled = _Pooled.of(best, overlaps)
    recalls = {count: np.array([_recalled(iou_PG, count) for iou_PG in overlaps]) for count in AR_COUNTS}

    def measure(weights_RV: np.ndarray) -> dict[str, np.ndarray]:
        total_R = weights_RV @ spans_V
        with np.errstate(invalid="ignore"):
            values = {f"ap_{round(100 * iou)}": pooled.average_precision(iou, weights_RV, total_R) for iou in AP_IOUS}
            return values | {f"ar_{count}": weights_RV @ recalls[count] / total_R for count in AR_COUNTS}

    return bootstrap.estimates(measure, range(len(found)) if groups is None else groups)


def interval_iou(a_P2: np.ndarray, b_G2: np.ndarray) -> np.ndarray:
    """Intersection over union of all pairs of spans, (P, G).

    Examples:
        >>> interval_iou(np.array([[0.0, 2.0]]), np.array([[1.0, 3.0], [5.0, 6.0]])).round(2)
        array([[0.33, 0.  ]])
    """
    shared_PG = np.minimum(a_P2[:, None, 1], b_G2[None, :, 1]) - np.maximum(a_P2[:, None, 0], b_G2[None, :, 0])
    shared_PG = shared_PG.clip(0)
    both_PG = np.diff(a_P2, axis=1) + np.diff(b_G2, axis=1).T - shared_PG
    return np.divide(shared_PG, both_PG, out=np.zeros_like(shared_PG), where=both_PG > 0)


@dataclass(frozen=True, slots=True)
class _Pooled:
    """The proposals of all videos, the highest score first.

    Attributes:
        video_P: the index of each proposal's video.
        right_P: for each IoU, whether the proposal is correct.
        ends_K: the last proposal of each distinct score.
    """

    video_P: np.ndarray
    right_P: dict[float, np.ndarray]
    ends_K: np.ndarray

    @classmethod
    def of(cls, ranked: Sequence[Proposals], overlaps: Sequence[np.ndarray]) -> _Pooled:
        scores_P = np.concatenate([p.scores_P for p in ranked])
        order = np.argsort(-scores_P, kind="stable")
        ends_K = np.flatnonzero(np.diff(scores_P[order], append=-np.inf))
        right_P = {iou: np.concatenate([_matched(table, iou) for table in overlaps])[order] for iou in AP_IOUS}
        return cls(np.repeat(np.arange(len(ranked)), [len(p.scores_P) for p in ranked])[order], right_P, ends_K)

    def average_precision(self, iou: float, weights_RV: np.ndarray, total_R: np.ndarray) -> np.ndarray:
        """(R,), one resample at a time: (R, P) would not fit in memory, as a video has up to 100 proposals."""
        return np.array([self._average_precision(iou, *drawn) for drawn in zip(weights_RV, total_R, strict=True)])

    def _average_precision(self, iou: float, weights_V: np.ndarray, total: float) -> float:
        if not total:
            return float("nan")
        weights_P = weights_V[self.video_P]
        called_K = np.cumsum(weights_P)[self.ends_K]
        right_K = np.cumsum(weights_P * self.right_P[iou])[self.ends_K]
        precision_K = np.divide(right_K, called_K, out=np.zeros_like(right_K), where=called_K > 0)
        best_K = np.maximum.accumulate(precision_K[::-1])[::-1]
        return float((np.diff(right_K / total, prepend=0.0) * best_K).sum())


def _ranked(proposals: Proposals) -> Proposals:
    """The highest score first; of tied proposals the earlier span first."""
    order = np.lexsort((*proposals.spans_P2.T[::-1], -proposals.scores_P))
    return Proposals(proposals.spans_P2[order], proposals.scores_P[order])


def _matched(iou_PG: np.ndarray, least: float) -> np.ndarray:
    """(P,) 1 where a ranked proposal takes a forged span: that of the highest IoU among those not yet taken."""
    free_PG = np.where(iou_PG >= least, iou_PG, 0.0)
    right_P = np.zeros(len(iou_PG))
    for p in np.flatnonzero(free_PG.any(1)):
        if free_PG[p].any():
            free_PG[:, free_PG[p].argmax()] = 0
            right_P[p] = 1
    return right_P


def _recalled(iou_PG: np.ndarray, count: int) -> float:
    """The number of forged spans that the best `count` proposals meet, mean over the IoUs."""
    best_G = iou_PG[:count].max(0, initial=0)
    return float(np.mean([(best_G >= iou).sum() for iou in AR_IOUS]))
