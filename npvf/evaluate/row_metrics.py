"""Metrics of the rows of an evaluation: of videos, segments and forged spans, and gaps between groups of people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from npvf.clip import FAKE, FPS, REAL
from npvf.evaluate.results import ClassMetrics, Gap, Metrics, SpanMetrics
from npvf.evaluate.video_scores import Row, SegmentRow
from npvf.metrics.bootstrap import DEFAULT, Bootstrap, Estimate
from npvf.metrics.detection import auc, detection_metrics, rates
from npvf.metrics.temporal_localization import Proposals, localization_metrics
from npvf.metrics.temporal_proposals import frame_probabilities, join, propose

Refusal = Literal["half", "worst", "drop"]


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """Settings of all metrics.

    Args:
        refused: the score in "auc_all" of videos without one: 0.5, the worst for their label, or no "auc_all".
        bootstrap: how intervals are made.
        threshold: a video or segment with at least this probability is called fake.
        seen: manipulations that training has seen.
    """

    refused: Refusal = "half"
    bootstrap: Bootstrap = DEFAULT
    threshold: float = 0.5
    seen: frozenset[str] = frozenset()


def video_metrics(rows: Sequence[Row], groups: Sequence[Hashable], settings: MetricSettings) -> ClassMetrics:
    """Metrics of the videos with a score, and over all of them: "auc_all", with `refused` "worst" both rates too.

    `groups` are what the bootstrap draws as a whole, one for each row.
    """
    judged = [i for i, row in enumerate(rows) if row.score is not None]
    labels, all_labels = [rows[i].label for i in judged], [row.label for row in rows]
    missing = _missing(labels, "videos")
    metrics: dict[str, Estimate] = {}
    if not missing:
        scores = [_score(rows[i]) for i in judged]
        metrics |= detection_metrics(
            scores, labels, [groups[i] for i in judged], settings.bootstrap, settings.threshold
        )
    # The worst score is known even if no video was judged; "unknown" for all of them would be a meaningless 0.5.
    if not missing if settings.refused == "half" else settings.refused == "worst" and len(set(all_labels)) == 2:
        everyone = [_filled(row, settings.refused) for row in rows]
        of_all = detection_metrics(everyone, all_labels, groups, settings.bootstrap, settings.threshold)
        names = ("auc", "fpr", "tpr") if settings.refused == "worst" else ("auc",)
        metrics |= {f"{name}_all": of_all[name] for name in names}
    return _counted(all_labels, labels, metrics, missing)


def segment_metrics(
    segments: Sequence[SegmentRow], rows: Sequence[Row], groups: Sequence[Hashable], settings: MetricSettings
) -> ClassMetrics:
    """Metrics over segments of 0.96 s; the segments of one video stay together in the bootstrap.

    `coverage` is the share of the videos that have a segment with a score, `seconds_judged` the share of the clips'
    time that is in such a segment.
    """
    group_of = {row.video: group for row, group in zip(rows, groups, strict=True)}
    here = [segment for segment in segments if segment.video in group_of]
    labels = [segment.label for segment in here]
    metrics: Metrics = {}
    if not (missing := _missing(labels, "segments")):
        scores, drawn = [segment.score for segment in here], [group_of[segment.video] for segment in here]
        metrics = detection_metrics(scores, labels, drawn, settings.bootstrap, settings.threshold)
    clips_s = sum(row.seconds for row in rows)
    return ClassMetrics(
        real=labels.count(REAL),
        fake=labels.count(FAKE),
        judged_real=labels.count(REAL),
        judged_fake=labels.count(FAKE),
        coverage=len({segment.video for segment in here}) / len(rows),
        metrics=metrics,
        missing=missing,
        seconds_judged=_union_s(here) / clips_s if clips_s else 0.0,
    )


def span_metrics(
    segments: Sequence[SegmentRow], rows: Sequence[Row], groups: Sequence[Hashable], settings: MetricSettings
) -> SpanMetrics | None:
    """Temporal localization; None if no video has known spans. A video without a score misses all of its spans.

    Fakes without known spans take no part: which of their seconds are forged is unknown.
    """
    used = [i for i, row in enumerate(rows) if row.intervals or row.label == REAL]
    truth = [np.array(rows[i].intervals, float).reshape(-1, 2) for i in used]
    if not any(map(len, truth)):
        return None
    by_video = proposals_of(segments)
    nothing = join([])
    found = [by_video.get(rows[i].video, nothing) for i in used]
    coverage = sum(rows[i].score is not None for i in used) / len(used)
    metrics = localization_metrics(found, truth, [groups[i] for i in used], settings.bootstrap)
    return SpanMetrics(len(used), sum(map(len, truth)), coverage, metrics)


def proposals_of(segments: Sequence[SegmentRow]) -> dict[str, Proposals]:
    """The proposals of each video, from the probabilities of its segments (`npvf.metrics.temporal_proposals`)."""
    clips: dict[tuple[str, str], list[SegmentRow]] = defaultdict(list)
    for segment in segments:
        clips[segment.video, segment.clip].append(segment)
    parts: dict[str, list[Proposals]] = defaultdict(list)
    for (video, _), judged in clips.items():
        begin = min(segment.start for segment in judged)
        starts_K = np.array([round((segment.start - begin) * FPS) for segment in judged])
        width = round((judged[0].end - judged[0].start) * FPS)
        scores_K = np.array([segment.score for segment in judged])
        curve_T = frame_probabilities(starts_K, scores_K, int(starts_K.max()) + width, width)
        parts[video].append(propose(curve_T, FPS, begin))
    return {video: join(found) for video, found in parts.items()}


def gap(
    parts: Mapping[str, Sequence[int]], rows: Sequence[Row], groups: Sequence[Hashable], settings: MetricSettings
) -> Gap | None:
    """The distance between the best and the worst group of people, in AUC and in false-positive rate.

    None if fewer than two groups have both classes. The intervals are of the difference between these two groups, which
    were chosen for being far apart: among many small groups a part of the gap is chance.

    Args:
        parts: the indices into `rows` of each group of people.
        rows, groups, settings: as `video_metrics`.
    """
    everyone = [i for i, row in enumerate(rows) if row.score is not None]
    number = {i: n for n, i in enumerate(everyone)}
    places = {name: [number[i] for i in part if i in number] for name, part in parts.items()}
    scores_N, labels_N = np.array([_score(rows[i]) for i in everyone]), np.array([rows[i].label for i in everyone])
    places = {name: part for name, part in places.items() if len(set(labels_N[part])) == 2}
    if len(places) < 2:
        return None

    def measure(metric: str, name: str, weights_RN: np.ndarray) -> np.ndarray:
        part = scores_N[places[name]], labels_N[places[name]], weights_RN[:, places[name]]
        return auc(*part) if metric == "auc" else rates(*part, settings.threshold)[0]

    metrics: dict[str, Estimate] = {}
    between: dict[str, tuple[str, str]] = {}
    for metric in ("auc", "fpr"):
        alone = np.ones((1, len(everyone)))
        low, *_, high = sorted(places, key=lambda name: float(measure(metric, name, alone)[0]))
        found = settings.bootstrap.estimates(
            lambda w_RN: {"": measure(metric, high, w_RN) - measure(metric, low, w_RN)},  # noqa: B023
            [groups[i] for i in everyone],
        )
        metrics[metric], between[metric] = found[""], (low, high)
    return Gap(metrics, between)


def _counted(labels: Sequence[int], judged: Sequence[int], metrics: Metrics, missing: str = "") -> ClassMetrics:
    return ClassMetrics(
        real=labels.count(REAL),
        fake=labels.count(FAKE),
        judged_real=judged.count(REAL),
        judged_fake=judged.count(FAKE),
        coverage=len(judged) / max(len(labels), 1),
        metrics=metrics,
        missing=missing,
    )


def _missing(judged: Sequence[int], what: str) -> str:
    """Why there are no metrics; "" if both classes were judged."""
    real, fake = judged.count(REAL), judged.count(FAKE)
    return "" if real and fake else f"{real} real and {fake} fake {what} were judged, both are needed"


def _score(row: Row) -> float:
    assert row.score is not None
    return row.score


def _filled(row: Row, refused: Refusal) -> float:
    if row.score is not None:
        return row.score
    return 0.5 if refused == "half" else float(row.label == REAL)


def _union_s(segments: Sequence[SegmentRow]) -> float:
    """Seconds that are in at least one segment."""
    total, clip, reached = 0.0, "", 0.0
    for segment in sorted(segments, key=lambda s: (s.clip, s.start)):
        if segment.clip != clip:
            clip, reached = segment.clip, segment.start
        total += max(0.0, segment.end - max(segment.start, reached))
        reached = max(reached, segment.end)
    return total
