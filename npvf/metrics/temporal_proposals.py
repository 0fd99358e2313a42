"""Proposals from probabilities along time: spans that may be forged, each with a score.

Spans are grouped as in temporal actionness grouping (Zhao et al. 2017, arXiv 1704.06228): at each of several levels, a
run of frames above the level is a span, and neighbouring spans join if most of the joined span is above the level. A
span's score is our choice: its mean probability times its contrast with the frames on both sides. The scores of spans
that overlap a better one are lowered (soft non-maximum suppression, Bodla et al. 2017, arXiv 1704.04503).
"""

from __future__ import annotations

import numpy as np

from npvf.metrics.temporal_localization import NOTHING_PROPOSED, Proposals, interval_iou

LEVELS = tuple(round(0.05 * k, 2) for k in range(1, 20))
FILLED = (1.0, 0.8, 0.6)  # share of a joined span that must be above the level
MOST = 100  # proposals of a video: the largest N of AR
_SIGMA = 0.3  # of soft suppression: at an IoU of 0.5 a score falls to 0.43 of its value


def frame_probabilities(starts_K: np.ndarray, values_K: np.ndarray, frames: int, width: int) -> np.ndarray:
    """(T,): the mean probability of the segments of `width` frames that hold a frame; NaN where no segment does."""
    total_T, count_T = np.zeros(frames), np.zeros(frames)
    for start, value in zip(starts_K, values_K, strict=True):
        total_T[start : start + width] += value
        count_T[start : start + width] += 1
    return np.divide(total_T, count_T, out=np.full(frames, np.nan), where=count_T > 0)


def propose(probability_T: np.ndarray, fps: float, start: float = 0.0, most: int = MOST) -> Proposals:
    """Proposals from one curve.

    Args:
        probability_T: (T,) of fake; NaN where nothing was judged, which counts as 0.
        fps: frames a second.
        start: time of the first frame, in seconds.
        most: how many to keep.

    Examples:
        >>> found = propose(np.array([0.1] * 25 + [0.9] * 25 + [0.1] * 25), fps=25)
        >>> found.spans_P2[0].tolist()  # the best proposal: from second 1 to second 2
        [1.0, 2.0]
    """
    curve_T = np.nan_to_num(probability_T, nan=0.0)
    spans = {span for level in LEVELS for filled in FILLED for span in _spans(curve_T >= level, filled)}
    if not spans:
        return NOTHING_PROPOSED
    frames_P2 = np.array(sorted(spans))
    scores_P = np.array([_score(curve_T, first, last) for first, last in frames_P2])
    return suppress(Proposals(start + frames_P2 / fps, scores_P), most)


def suppress(proposals: Proposals, most: int = MOST) -> Proposals:
    """The `most` best proposals, the best first; each multiplies the scores of the others by exp(-IoU^2 / sigma)."""
    spans_P2, scores_P = proposals.spans_P2, proposals.scores_P.copy()
    left_P = np.ones(len(scores_P), bool)
    order: list[int] = []
    while left_P.any() and len(order) < most:
        best = int(np.where(left_P, scores_P, -np.inf).argmax())
        left_P[best] = False
        order.append(best)
        iou_P = interval_iou(spans_P2, spans_P2[best : best + 1])[:, 0]
        scores_P[left_P] *= np.exp(-(iou_P[left_P] ** 2) / _SIGMA)
    return Proposals(spans_P2[order], scores_P[order])


def join(parts: list[Proposals], most: int = MOST) -> Proposals:
    """The best proposals of several clips of one video, which hardly overlap."""
    if not parts:
        return NOTHING_PROPOSED
    spans_P2, scores_P = np.concatenate([p.spans_P2 for p in parts]), np.concatenate([p.scores_P for p in parts])
    order = np.argsort(-scores_P, kind="stable")[:most]
    return Proposals(spans_P2[order], scores_P[order])


def runs(mask_T: np.ndarray) -> list[tuple[int, int]]:
    """[first, last) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask_T.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _spans(above_T: np.ndarray, filled: float) -> list[tuple[int, int]]:
    """Runs above a level; a run joins the next one if at least the share `filled` of the joined span is above it."""
    joined: list[tuple[int, int]] = []
    count_T = np.concatenate([[0], np.cumsum(above_T)])
    for first, last in runs(above_T):
        if joined:
            begin = joined[-1][0]
            if count_T[last] - count_T[begin] >= filled * (last - begin):
                joined[-1] = begin, last
                continue
        joined.append((first, last))
    return joined


def _score(curve_T: np.ndarray, first: int, last: int) -> float:
    """Mean inside, times (1 + contrast) / 2; the contrast is with a quarter of the span's length on each side."""
    inside = float(curve_T[first:last].mean())
    reach = max(1, (last - first) // 4)
    flanks_F = np.concatenate([curve_T[max(0, first - reach) : first], curve_T[last : last + reach]])
    outside = float(flanks_F.mean()) if len(flanks_F) else 0.0
    return inside * (1 + inside - outside) / 2
