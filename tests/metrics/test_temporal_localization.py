"""Against a naive version that walks lists; proposals of curves whose forged spans are known."""

from __future__ import annotations

import numpy as np
import pytest

from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.temporal_localization import (
    AP_IOUS,
    AR_COUNTS,
    NOTHING_PROPOSED,
    POINTS,
    Proposals,
    interval_iou,
    localization_metrics,
)
from npvf.metrics.temporal_proposals import frame_probabilities, join, propose, suppress

NO_INTERVALS = Bootstrap(0)
Spans = list[tuple[float, float]]


def random_videos(seed: int) -> tuple[list[Proposals], list[np.ndarray]]:
    """Up to 12 videos, some genuine, some without proposals; scores on a coarse grid, so many are tied."""
    rng = np.random.default_rng(seed)
    found, truth = [], []
    for video in range(rng.integers(2, 13)):
        cuts = np.sort(rng.uniform(0, 10, 2 * rng.integers(0 if video else 1, 4))).reshape(-1, 2)
        near = cuts[rng.integers(0, len(cuts), 20)] + rng.normal(0, 0.15, (20, 2)) if len(cuts) else np.zeros((0, 2))
        spans = np.concatenate([near, rng.uniform(0, 10, (rng.integers(0, 30), 2))])
        spans = np.unique(np.sort(spans, axis=1).round(2), axis=0)
        spans = spans[spans[:, 1] > spans[:, 0]]
        found.append(Proposals(spans, rng.integers(1, 9, len(spans)) / 8))
        truth.append(cuts)
    return found, truth


def naive_iou(a: tuple[float, float], b: tuple[float, float]) -> float:
    shared = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    return shared / (a[1] - a[0] + b[1] - b[0] - shared)


def naive_ap(found: list[Proposals], truth: list[np.ndarray], least: float) -> float:
    called: list[tuple[float, bool]] = []
    for proposals, spans in zip(found, truth, strict=True):
        taken: set[int] = set()
        items = sorted(zip(proposals.scores_P, proposals.spans_P2.tolist(), strict=True), key=lambda i: (-i[0], i[1]))
        for score, span in items:
            overlaps = [(naive_iou(span, t), -g) for g, t in enumerate(spans.tolist()) if g not in taken]
            best, g = max(overlaps, default=(0.0, 0))
            called.append((score, best >= least))
            if best >= least:
                taken.add(-g)
    positives = sum(map(len, truth))
    points = []
    for level in sorted({score for score, _ in called}, reverse=True):
        above = [right for score, right in called if score >= level]
        points.append((sum(above) / positives, sum(above) / len(above)))
    area = before = 0.0
    for k, (recall, _) in enumerate(points):
        area += (recall - before) * max(precision for _, precision in points[k:])
        before = recall
    return area


def naive_ar(found: list[Proposals], truth: list[np.ndarray], count: int) -> float:
    values = []
    for least in np.linspace(0.5, 0.95, 10).round(2):
        met = 0
        for proposals, spans in zip(found, truth, strict=True):
            items = sorted(zip(-proposals.scores_P, proposals.spans_P2.tolist(), strict=True))[:count]
            met += sum(any(naive_iou(span, t) >= least for _, span in items) for t in spans.tolist())
        values.append(met / sum(map(len, truth)))
    return float(np.mean(values))


@pytest.mark.parametrize("seed", range(20))
def test_equals_the_naive_version(seed: int) -> None:
    found, truth = random_videos(seed)
    measured = localization_metrics(found, truth, bootstrap=NO_INTERVALS)
    assert list(measured) == ["ap_50", "ap_75", "ap_90", "ap_95", "ar_100", "ar_50", "ar_20", "ar_10", "ar_5"]
    for name, estimate in measured.items():
        kind, number = name.split("_")
        naive = naive_ap(found, truth, int(number) / 100) if kind == "ap" else naive_ar(found, truth, int(number))
        assert estimate.value == pytest.approx(naive, abs=1e-12), name


def test_every_point_that_a_corpus_reports_is_measured() -> None:
    assert {iou for points in POINTS.values() for iou in points["ap"]} == set(AP_IOUS)
    assert {count for points in POINTS.values() for count in points["ar"]} == set(AR_COUNTS)


def published_ap(found: list[Proposals], truth: list[np.ndarray], least: float) -> float:
    """AP as the corpora's published code defines it, for scores without ties.

    One point of the curve a proposal, an IoU above `least` (not at it), the best precision at this recall or above;
    the area is summed between the points, without the piece from recall 0 to the first point.
    """
    items = []
    for proposals, spans in zip(found, truth, strict=True):
        order = np.argsort(-proposals.scores_P)
        taken: set[int] = set()
        for p in order:
            overlaps = [(naive_iou(tuple(proposals.spans_P2[p]), tuple(t)), g) for g, t in enumerate(spans)]
            hits = [(iou, g) for iou, g in overlaps if iou > least and g not in taken]
            taken |= {max(hits)[1]} if hits else set()
            items.append((proposals.scores_P[p], bool(hits)))
    right = np.cumsum([hit for _, hit in sorted(items, reverse=True)])
    recall = right / sum(map(len, truth))
    precision = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
    return float(((recall[1:] - recall[:-1]) * precision[1:]).sum())


@pytest.mark.parametrize("seed", range(10))
def test_ap_exceeds_the_published_codes_by_its_missing_first_point_at_most(seed: int) -> None:
    found, truth = random_videos(seed)
    rng = np.random.default_rng(seed)
    found = [
        Proposals(p.spans_P2, rng.permutation(len(p.scores_P)) + rng.uniform(0, 1, len(p.scores_P))) for p in found
    ]
    measured = localization_metrics(found, truth, bootstrap=NO_INTERVALS)
    spans = sum(map(len, truth))
    for least in AP_IOUS:
        more = measured[f"ap_{round(100 * least)}"].value - published_ap(found, truth, least)
        assert -1e-12 <= more <= 1 / spans + 1e-12


def test_an_iou_at_the_limit_is_met_and_a_video_without_proposals_misses_its_spans() -> None:
    truth = [np.array([[0.0, 2.0]]), np.array([[0.0, 2.0]])]
    found = [Proposals(np.array([[0.0, 1.0]]), np.array([0.9])), NOTHING_PROPOSED]  # an IoU of exactly 0.5
    measured = localization_metrics(found, truth, bootstrap=NO_INTERVALS)
    assert measured["ap_50"].value == 0.5 and published_ap(found, truth, 0.5) == 0
    assert measured["ar_5"].value == pytest.approx(0.1 / 2)  # one of ten IoUs, one of two videos


def test_weights_are_repetitions() -> None:
    found, truth = random_videos(3)
    once = localization_metrics(found, truth, bootstrap=NO_INTERVALS)
    twice = localization_metrics(found * 2, truth * 2, bootstrap=NO_INTERVALS)
    assert {n: e.value for n, e in twice.items()} == pytest.approx({n: e.value for n, e in once.items()})
    drawn = localization_metrics(found, truth, bootstrap=Bootstrap(50))
    assert all(e.interval is not None and e.interval.low <= e.interval.high for e in drawn.values())


def test_a_perfect_list_and_an_empty_one() -> None:
    truth = [np.array([[1.0, 2.0], [4.0, 4.5]]), np.zeros((0, 2))]
    perfect = [Proposals(truth[0], np.array([0.9, 0.8])), NOTHING_PROPOSED]
    assert {e.value for e in localization_metrics(perfect, truth, bootstrap=NO_INTERVALS).values()} == {1.0}
    nothing = localization_metrics([NOTHING_PROPOSED] * 2, truth, bootstrap=NO_INTERVALS)
    assert {e.value for e in nothing.values()} == {0.0}  # a video that was not judged keeps its spans in the count


def test_false_alarms_in_genuine_videos_cost_precision_and_one_span_is_found_once() -> None:
    truth = [np.array([[1.0, 2.0]]), np.zeros((0, 2))]
    hit = Proposals(np.array([[1.0, 2.0], [1.0, 2.01]]), np.array([0.5, 0.4]))
    assert localization_metrics([hit, NOTHING_PROPOSED], truth, bootstrap=NO_INTERVALS)["ap_95"].value == 1
    alarm = Proposals(np.array([[3.0, 4.0]]), np.array([0.9]))
    assert localization_metrics([hit, alarm], truth, bootstrap=NO_INTERVALS)["ap_95"].value == 0.5
    doubled = Proposals(np.array([[1.0, 2.01], [1.0, 2.0], [5, 6]]), np.array([0.5, 0.4, 0.3]))
    two = [np.array([[1.0, 2.0], [5.0, 6.0]])]
    assert localization_metrics([doubled], two, bootstrap=NO_INTERVALS)["ap_95"].value == pytest.approx(
        0.5 + 0.5 * 2 / 3
    )


def test_what_cannot_be_measured_is_an_error() -> None:
    with pytest.raises(ValueError, match="no video has a forged span"):
        localization_metrics([NOTHING_PROPOSED], [np.zeros((0, 2))])
    with pytest.raises(ValueError, match="proposals of 1 videos"):
        localization_metrics([NOTHING_PROPOSED], [])
    with pytest.raises(ValueError, match="NaN"):
        localization_metrics([Proposals(np.array([[0.0, 1.0]]), np.array([np.nan]))], [np.array([[0.0, 1.0]])])


def test_overlaps_of_all_pairs() -> None:
    table = interval_iou(np.array([[0.0, 2.0], [5.0, 6.0]]), np.array([[1.0, 3.0], [5.0, 6.0]]))
    assert table.tolist() == [[pytest.approx(1 / 3), 0], [0, 1]]


def test_the_best_proposals_of_a_clear_curve_are_its_forged_spans() -> None:
    curve = np.full(250, 0.1)
    curve[50:100], curve[160:200] = 0.9, 0.8
    found = propose(curve, fps=25, start=10.0)
    assert found.spans_P2[:2].tolist() == [[12.0, 14.0], [16.4, 18.0]]
    assert (np.diff(found.scores_P) <= 0).all() and len(found.scores_P) <= 100


def test_a_dip_does_not_part_a_span_for_good() -> None:
    curve = np.full(250, 0.1)
    curve[50:100] = 0.9
    curve[70:74] = 0.2
    assert [12.0, 14.0] in (propose(curve, fps=25, start=10.0).spans_P2.round(6)).tolist()


def test_nothing_stands_out_where_nothing_was_judged() -> None:
    assert len(propose(np.full(100, np.nan), 25).scores_P) == 0
    assert len(propose(np.zeros(100), 25).scores_P) == 0
    curve = np.full(100, np.nan)
    curve[20:60] = 0.7
    assert propose(curve, 25).spans_P2[0].tolist() == [0.8, 2.4]


def test_frames_are_the_mean_of_their_segments() -> None:
    values = frame_probabilities(np.array([0, 2]), np.array([0.2, 0.6]), frames=8, width=4)
    assert values[:6].tolist() == pytest.approx([0.2, 0.2, 0.4, 0.4, 0.6, 0.6]) and np.isnan(values[6:]).all()


def test_suppression_lowers_what_overlaps_a_better_one() -> None:
    spans = np.array([[0.0, 1.0], [0.0, 1.1], [5.0, 6.0]])
    found = suppress(Proposals(spans, np.array([0.9, 0.8, 0.3])))
    assert found.spans_P2.tolist() == [[0.0, 1.0], [5.0, 6.0], [0.0, 1.1]]
    assert found.scores_P[1] == 0.3 and found.scores_P[2] < 0.1
    assert len(suppress(Proposals(spans, np.array([0.9, 0.8, 0.3])), most=1).scores_P) == 1
    assert join([found, NOTHING_PROPOSED], most=2).scores_P.tolist() == [0.9, 0.3]
    assert join([]) is NOTHING_PROPOSED
