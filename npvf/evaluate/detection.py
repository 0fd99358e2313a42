"""The detection protocol: how well a detector tells fake from real on a labelled, prepared corpus.

Every video counts: each metric has its coverage beside it, and "auc_all" includes the videos without a score, at a
score that says "unknown". By manipulation and by category, each kind of fake is measured against all reals; by group of
people, each group's fakes against its own reals, with the gap between the groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from npvf.clip import FAKE, REAL
from npvf.data.selection import Selection
from npvf.detect.predictor import Predictor
from npvf.errors import NpvfError
from npvf.evaluate.ratio_metrics import ratio_metrics, ratios_of
from npvf.evaluate.results import AttributeMetrics, ClassMetrics, DetectionMetrics, DetectionReport
from npvf.evaluate.row_metrics import MetricSettings, gap, segment_metrics, span_metrics, video_metrics
from npvf.evaluate.video_scores import (
    LABELLED,
    Row,
    Scores,
    SegmentRow,
    blank_rows,
    fill,
    prepared,
    score_corpus,
    score_trimmed,
    selected_lines,
)
from npvf.io.corpus import Corpus, HasManifest

Grouping = Literal["auto", "identity", "video"]
Silence = Literal["both", "kept", "trimmed"]
UNKNOWN = "unknown"
DEFAULTS = MetricSettings()


@dataclass(slots=True)
class Evaluation:
    """The report of a run, and the scores of whole and of trimmed clips (None: not asked for)."""

    report: DetectionReport
    kept: Scores | None
    trimmed: Scores | None

    @property
    def scores(self) -> Scores:
        """The scores behind the metrics at the top of the report."""
        found = self.kept or self.trimmed
        assert found is not None
        return found


def run_evaluation(
    corpus: Corpus,
    predictor: Predictor,
    selection: Selection = LABELLED,
    silence: Silence = "both",
    group: Grouping = "auto",
    settings: MetricSettings = DEFAULTS,
    on_clip: Callable[[], object] = lambda: None,
) -> Evaluation:
    """Score the labelled videos of a corpus: clips as they are, clips without the silence at their start, or both.

    Args:
        corpus: prepared.
        predictor: what is measured.
        selection: which videos.
        silence: which clips are scored; the report's main metrics are of whole clips unless this is "trimmed".
        group: what the bootstrap draws as a whole, see `detection_metrics_of`.
        settings: how metrics are computed.
        on_clip: called after each clip.

    Raises:
        NpvfError: as `score_videos` and `detection_metrics_of`.
    """
    rows = blank_rows(corpus, selection)
    judged = score_corpus(corpus, predictor, prepared(rows), on_clip)
    kept = fill(rows, judged, predictor) if silence != "trimmed" else None
    trimmed = fill(rows, score_trimmed(corpus, predictor, judged, on_clip), predictor) if silence != "kept" else None
    measured = [
        detection_metrics_of(scores.rows, scores.segments, group, settings)
        for scores in (kept, trimmed)
        if scores is not None
    ]
    report = DetectionReport(
        silence="trimmed" if kept is None else "kept",
        main=measured[0],
        trimmed=measured[1] if len(measured) == 2 else None,
        unlabelled=unlabelled(corpus, selection),
    )
    return Evaluation(report, kept, trimmed)


def detection_metrics_of(
    rows: Sequence[Row],
    segments: Sequence[SegmentRow] = (),
    group: Grouping = "auto",
    settings: MetricSettings = DEFAULTS,
) -> DetectionMetrics:
    """All metrics of the rows of one run, in total and in parts.

    Args:
        rows: of `score_videos`.
        segments: of `score_videos`; without them `segments` and `spans` are None.
        group: what the bootstrap draws as a whole: the person shown ("identity"), the source video (a forgery goes
            with its original), or "auto": the person if known for every row, else the video.
        settings: how metrics are computed.

    Raises:
        NpvfError: the videos with a score lack a class; "identity", and some are unknown.
    """
    counted = [row for row in rows if row.status != "duplicate"]
    names, grouping = bootstrap_groups([(r.identity, r.original or r.video) for r in counted], group)
    videos = video_metrics(counted, names, settings)
    reasons = dict(Counter(_code(row) for row in counted if row.score is None).most_common())
    if videos.missing:
        why = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        raise NpvfError(f"nothing to measure: {videos.missing}" + (f"; not judged: {why}" if why else ""))
    return DetectionMetrics(
        group=grouping,
        groups=len(set(names)),
        refused_as=settings.refused,
        threshold=settings.threshold,
        duplicates=len(rows) - len(counted),
        reasons=reasons,
        videos=videos,
        by_manipulation=worst_first(_by_kind("manipulation", counted, names, settings)),
        seen=sorted(settings.seen & {row.manipulation for row in counted if row.manipulation}),
        by_training=_by_training(counted, names, settings),
        by_category=_by_kind("category", counted, names, settings),
        by_attribute=_by_attribute(counted, names, settings),
        segments=segment_metrics(segments, counted, names, settings) if segments else None,
        spans=span_metrics(segments, counted, names, settings) if segments else None,
        mismatches=_mismatches(counted),
        ratios=ratio_metrics(ratios_of(counted)),
    )


def bootstrap_groups(
    known: Sequence[tuple[str | None, str]], group: Grouping = "auto"
) -> tuple[list[Hashable], Literal["identity", "video"]]:
    """The group of each item, given (identity, source video), and which grouping that is.

    Raises:
        NpvfError: "identity", and one is unknown.
    """
    people = [identity for identity, _ in known]
    if group == "identity" and None in people:
        raise NpvfError(f"{people.count(None)} of {len(people)} videos have no identity: use --group video")
    if group == "identity" or (group == "auto" and None not in people and len(set(people)) > 1):
        return list(people), "identity"
    return [video for _, video in known], "video"


def _by_kind(
    name: Literal["manipulation", "category"], rows: list[Row], groups: list[Hashable], settings: MetricSettings
) -> dict[str, ClassMetrics]:
    """Each kind of fake against all reals; nothing if no category is known."""
    kinds = [getattr(row, name) or UNKNOWN for row in rows]
    fakes = sorted({kind for kind, row in zip(kinds, rows, strict=True) if row.label == FAKE})
    if name == "category" and fakes == [UNKNOWN]:
        return {}
    parts = {k: [i for i, row in enumerate(rows) if row.label == REAL or kinds[i] == k] for k in fakes}
    return {kind: _measured(part, rows, groups, settings) for kind, part in parts.items()}


def worst_first(parts: dict[str, ClassMetrics]) -> dict[str, ClassMetrics]:
    """Return the parts by AUC of all videos, else AUC; one that cannot be measured comes before all others."""

    def value(part: ClassMetrics) -> float:
        known = part.metrics.get("auc_all") or part.metrics.get("auc")
        return -1.0 if known is None else known.value

    return dict(sorted(parts.items(), key=lambda item: value(item[1])))


def _by_training(rows: list[Row], groups: list[Hashable], settings: MetricSettings) -> dict[str, ClassMetrics]:
    """All fakes of manipulations that training has not seen, and of those that it has, each against all reals."""
    if not settings.seen:
        return {}
    fakes = {i: row.manipulation in settings.seen for i, row in enumerate(rows) if row.label == FAKE}
    parts = {}
    for name, seen in (("not seen in training", False), ("seen in training", True)):
        part = [i for i, row in enumerate(rows) if row.label == REAL or fakes[i] is seen]
        parts[name] = _measured(part, rows, groups, settings)
    return parts


def _by_attribute(rows: list[Row], groups: list[Hashable], settings: MetricSettings) -> dict[str, AttributeMetrics]:
    """Each group of people by each attribute that the corpus knows."""
    found = {}
    for name in sorted({name for row in rows for name in row.attributes}):
        values = [row.attributes.get(name, UNKNOWN) for row in rows]
        people = {value: [i for i, v in enumerate(values) if v == value] for value in sorted(set(values))}
        known = {value: part for value, part in people.items() if value != UNKNOWN}
        parts = {value: _measured(part, rows, groups, settings) for value, part in people.items()}
        found[name] = AttributeMetrics(parts, gap(known, rows, groups, settings))
    return found


def _measured(
    part: Sequence[int], rows: Sequence[Row], groups: Sequence[Hashable], settings: MetricSettings
) -> ClassMetrics:
    return video_metrics([rows[i] for i in part], [groups[i] for i in part], settings)


def _code(row: Row) -> str:
    """The reason's code, without the details of the video."""
    return row.reason.partition(":")[0]


def _mismatches(rows: Sequence[Row]) -> dict[str, int]:
    labels = [row.label for row in rows if row.verdict == "mismatch"]
    return {"real": labels.count(REAL), "fake": labels.count(FAKE)} if labels else {}


def unlabelled(corpus: HasManifest, selection: Selection) -> int:
    """Return the number of videos of a selection that have no label."""
    lines = selected_lines(corpus, replace(selection, label="any"))
    return sum(line["label"] is None for line in lines)
