"""How well a detector does on a labelled, prepared corpus, with every video of it in the account.

Each metric has its coverage beside it, and `auc_all` counts the videos that were not judged too, at a score that says
"unknown". By manipulation and by category, each kind of fake against all reals; by group of people, each group's fakes
against its own reals, with the gap between the groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from npvf.clip import FAKE, REAL
from npvf.data.selection import Selection
from npvf.errors import NpvfError
from npvf.evaluate.figures import How, Refusal, gap, localization_figures, segment_figures, video_figures
from npvf.evaluate.video_scores import (
    LABELLED,
    Row,
    Scorer,
    Scores,
    SegmentRow,
    blank_rows,
    fill,
    judge_clips,
    judge_trimmed,
    prepared,
    score_videos,
    selected_lines,
)
from npvf.io.corpus import Corpus
from npvf.metrics.bootstrap import DEFAULT, Bootstrap

Grouping = Literal["auto", "identity", "video"]
Silence = Literal["both", "kept", "trimmed"]
UNKNOWN = "unknown"
DEFAULTS = How()


@dataclass(slots=True)
class Evaluation:
    """What a run found: the report, and the scores behind it of whole and of trimmed clips (None: not wanted)."""

    report: dict[str, Any]
    kept: Scores | None
    trimmed: Scores | None

    @property
    def scores(self) -> Scores:
        """Those that the top of the report is made of."""
        found = self.kept or self.trimmed
        assert found is not None
        return found


def run_evaluation(
    corpus: Corpus,
    scorer: Scorer,
    selection: Selection = LABELLED,
    silence: Silence = "both",
    group: Grouping = "auto",
    how: How = DEFAULTS,
    on_clip: Callable[[], object] = lambda: None,
) -> Evaluation:
    """Score the labelled videos of a corpus, with the silence that clips begin with, without it, or both ways.

    The report is that of `detection_report`, of whole clips if they are measured; with "both" that of the trimmed ones
    stands in it as `trimmed`.

    Raises:
        NpvfError: as `score_videos` and `detection_report`.
    """
    rows = blank_rows(corpus, selection)
    judged = judge_clips(corpus, scorer, prepared(rows), on_clip)
    kept = fill(rows, judged) if silence != "trimmed" else None
    trimmed = fill(rows, judge_trimmed(corpus, scorer, judged, on_clip)) if silence != "kept" else None
    reports = [
        detection_report(scores.rows, how.refused, group, how.bootstrap, scores.segments, how.threshold)
        for scores in (kept, trimmed)
        if scores is not None
    ]
    report = {
        "silence": "trimmed" if kept is None else "kept",
        **reports[0],
        "unlabelled": _unlabelled(corpus, selection),
    }
    if len(reports) == 2:
        report["trimmed"] = reports[1]
    return Evaluation(report, kept, trimmed)


def evaluate_detection(
    corpus: Corpus,
    scorer: Scorer,
    selection: Selection = LABELLED,
    refused: Refusal = "half",
    group: Grouping = "auto",
    bootstrap: Bootstrap = DEFAULT,
    on_clip: Callable[[], object] = lambda: None,
) -> tuple[dict[str, Any], list[Row]]:
    """Score the labelled videos of a corpus as they are: the report (as `detection_report`) and its rows."""
    scores = score_videos(corpus, scorer, selection, on_clip)
    report = detection_report(scores.rows, refused, group, bootstrap, scores.segments)
    return report | {"unlabelled": _unlabelled(corpus, selection)}, scores.rows


def detection_report(
    rows: Sequence[Row],
    refused: Refusal = "half",
    group: Grouping = "auto",
    bootstrap: Bootstrap = DEFAULT,
    segments: Sequence[SegmentRow] = (),
    threshold: float = 0.5,
) -> dict[str, Any]:
    """Metrics over the judged videos with their coverage, and `auc_all` over all of them; also in parts.

    Args:
        rows: of `score_videos`.
        refused: see `How`.
        group: what the bootstrap draws as a whole: the person shown, the source video (a forgery goes with its
            original), or "auto": the person where known for every row, else the video.
        bootstrap: how intervals are made.
        segments: of `score_videos`; none: the report has no `segments` and no `localization`.
        threshold: see `How`.

    Raises:
        NpvfError: the judged videos lack a class; identities are wanted and not known.
    """
    how = How(refused, bootstrap, threshold)
    counted = [row for row in rows if row.status != "duplicate"]
    names, grouping = bootstrap_groups([(r.identity, r.original or r.video) for r in counted], group)
    report: dict[str, Any] = {
        "protocol": "detection",
        "group": grouping,
        "groups": len(set(names)),
        "refused_as": refused,
        "threshold": threshold,
        "duplicates": len(rows) - len(counted),
        "reasons": dict(Counter(_code(row) for row in counted if row.score is None).most_common()),
    }
    whole = video_figures(counted, names, how)
    if "auc" not in whole:
        raise NpvfError(f"nothing to measure: {whole['missing']}")
    report |= whole | _parts(counted, names, how)
    if segments:
        report["segments"] = segment_figures(segments, counted, names, how)
        located = localization_figures(segments, counted, names, how)
        report |= {"localization": located} if located else {}
    return report


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


def _parts(rows: list[Row], groups: list[Hashable], how: How) -> dict[str, Any]:
    def measure(part: Sequence[int]) -> dict[str, Any]:
        return video_figures([rows[i] for i in part], [groups[i] for i in part], how)

    report: dict[str, Any] = {}
    for name in ("manipulation", "category"):
        kinds = sorted({getattr(row, name) or UNKNOWN for row in rows if row.label == FAKE})
        report[f"by_{name}"] = {
            kind: measure([i for i, r in enumerate(rows) if r.label == REAL or (getattr(r, name) or UNKNOWN) == kind])
            for kind in kinds
            if name == "manipulation" or kinds != [UNKNOWN]
        }
    report["by_attribute"] = {}
    for name in sorted({name for row in rows for name in row.attributes}):
        values = [row.attributes.get(name, UNKNOWN) for row in rows]
        people = {value: [i for i, v in enumerate(values) if v == value] for value in sorted(set(values))}
        parts = {value: measure(part) for value, part in people.items()}
        known = {value: part for value, part in people.items() if value != UNKNOWN}
        report["by_attribute"][name] = {"parts": parts, "gap": gap(known, rows, groups, how)}
    return report


def _code(row: Row) -> str:
    """The reason without its details, which differ from video to video."""
    return row.reason.partition(":")[0]


def _unlabelled(corpus: Corpus, selection: Selection) -> int:
    lines = selected_lines(corpus, replace(selection, label="any"))
    return sum(line["label"] is None for line in lines)
