"""How well a detector does on a labelled, prepared corpus, with every video of it in the account.

One row a manifest line. A video that was refused, or that the detector would not judge, stays in the table with its
reason: each metric has its coverage beside it, and `auc_all` counts those videos too, at a score that says "unknown".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from npvf.clip import FAKE, REAL, Clip, ClipMeta
from npvf.data.corpus import Corpus
from npvf.data.selection import Selection, read_meta
from npvf.data.shards import decode_clip
from npvf.detect.detector import ClipScore
from npvf.errors import NpvfError
from npvf.metrics.bootstrap import DEFAULT, Bootstrap
from npvf.metrics.detection import detection_metrics

Refusal = Literal["half", "worst", "drop"]
Grouping = Literal["auto", "identity", "video"]
LABELLED = Selection(label="known")


class Scorer(Protocol):
    """What is measured, `npvf.Detector` for one: a score for each clip, in any order."""

    def score_clips(self, clips: Iterable[Clip]) -> Iterator[ClipScore]:
        """Scores of clips, read one after the other."""


@dataclass(slots=True)
class Row:
    """One video of the corpus: what is known of it and what the detector said.

    `score` is the mean fake probability of its speaker's clips, weighted by their length; None where `status` is
    "refused" (not prepared), "abstained" (not judged) or "duplicate" (of an earlier row; in no denominator).
    """

    video: str
    label: int
    manipulation: str | None
    identity: str | None
    original: str | None
    sha256: str | None
    status: str
    reason: str
    clips: int = 0
    score: float | None = None


def evaluate_detection(
    corpus: Corpus,
    scorer: Scorer,
    selection: Selection = LABELLED,
    refused: Refusal = "half",
    group: Grouping = "auto",
    bootstrap: Bootstrap = DEFAULT,
    on_clip: Callable[[], object] = lambda: None,
) -> tuple[dict[str, Any], list[Row]]:
    """Score the labelled videos of a corpus: the report (as `detection_report`) and its rows."""
    rows = score_videos(corpus, scorer, selection, on_clip)
    return detection_report(rows, refused, group, bootstrap) | {"unlabelled": _unlabelled(corpus, selection)}, rows


def score_videos(
    corpus: Corpus,
    scorer: Scorer,
    selection: Selection = LABELLED,
    on_clip: Callable[[], object] = lambda: None,
) -> list[Row]:
    """One row for each labelled manifest line that the selection keeps, in the manifest's order.

    Raises:
        NpvfError: no such line; a video twice with both labels; a score that is no probability.
    """
    rows = {line["video"]: _row(line) for line in selected_lines(corpus, selection) if line["label"] is not None}
    if not rows:
        raise NpvfError(f"{corpus.folder} holds no labelled video in this selection: evaluation needs `label` 0 or 1.")
    mark_duplicates(list(rows.values()))
    scored = {row.video for row in rows.values() if row.status == "prepared"}
    seconds: dict[str, tuple[str, float]] = {}

    def clips() -> Iterator[Clip]:
        for sample in corpus.samples:
            meta = read_meta(sample)
            if meta.is_speaker and meta.video in scored:
                seconds[meta.key] = meta.video, meta.span[1] - meta.span[0]
                yield decode_clip(sample)

    said: dict[str, list[tuple[float, float]]] = {}
    for score in scorer.score_clips(clips()):
        on_clip()
        video, length = seconds[score.key]
        rows[video].clips += 1
        if score.fake_probability is None:
            rows[video].reason = score.reason
        elif not 0 <= score.fake_probability <= 1:
            raise NpvfError(f"the detector says {score.fake_probability} of {score.key}, which is no probability")
        else:
            said.setdefault(video, []).append((score.fake_probability, length))
    for video in scored:
        row = rows[video]
        if video in said:
            row.score = sum(p * s for p, s in said[video]) / sum(s for _, s in said[video])
            row.status, row.reason = "judged", ""
        else:
            row.status, row.reason = "abstained", row.reason or "no score for any clip of the speaker"
    return list(rows.values())


def detection_report(
    rows: Sequence[Row], refused: Refusal = "half", group: Grouping = "auto", bootstrap: Bootstrap = DEFAULT
) -> dict[str, Any]:
    """Metrics over the judged videos with their coverage, and `auc_all` over all of them; for each manipulation too.

    Args:
        rows: of `score_videos`.
        refused: the score that unjudged videos get in `auc_all`: 0.5, the worst one for their label, or no `auc_all`.
        group: what the bootstrap draws as a whole: the person shown, the source video (a forgery goes with its
            original), or "auto": the person where known for every row, else the video.
        bootstrap: how intervals are made.

    Raises:
        NpvfError: the judged videos lack a class; identities are wanted and not known.
    """
    counted = [row for row in rows if row.status != "duplicate"]
    names, grouping = bootstrap_groups([(r.identity, r.original or r.video) for r in counted], group)
    report: dict[str, Any] = {
        "protocol": "detection",
        "group": grouping,
        "groups": len(set(names)),
        "refused_as": refused,
        "duplicates": len(rows) - len(counted),
        "reasons": dict(Counter(_code(row) for row in counted if row.score is None).most_common()),
    }
    whole = _metrics(counted, names, refused, bootstrap)
    if "auc" not in whole:
        raise NpvfError(f"nothing to measure: {whole['missing']}")
    kinds = sorted({row.manipulation or "unknown" for row in counted if row.label == FAKE})
    by_kind = {}
    for kind in kinds:
        chosen = [i for i, r in enumerate(counted) if r.label == REAL or (r.manipulation or "unknown") == kind]
        by_kind[kind] = _metrics([counted[i] for i in chosen], [names[i] for i in chosen], refused, bootstrap)
    return report | whole | {"by_manipulation": by_kind}


def selected_lines(corpus: Corpus, selection: Selection) -> list[dict[str, Any]]:
    """The manifest lines that a selection of clips keeps, refused ones included."""
    return [line for line in corpus.manifest if selection.reason_against(_meta(line)) is None]


def mark_duplicates(rows: Iterable[Row]) -> None:
    """The second and later rows of one file get the status "duplicate".

    Raises:
        NpvfError: one file has both labels.
    """
    first: dict[str, Row] = {}
    for row in rows:
        if row.sha256 is None or first.setdefault(row.sha256, row) is row:
            continue
        earlier = first[row.sha256]
        if earlier.label != row.label:
            raise NpvfError(f"{earlier.video} and {row.video} are the same file with different labels: correct one.")
        row.status, row.reason = "duplicate", f"same file as {earlier.video}"


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


def _metrics(rows: list[Row], groups: list[Hashable], refused: Refusal, bootstrap: Bootstrap) -> dict[str, Any]:
    judged = [i for i, row in enumerate(rows) if row.score is not None]
    real, fake = (sum(row.label == label for row in rows) for label in (REAL, FAKE))
    judged_real, judged_fake = (sum(rows[i].label == label for i in judged) for label in (REAL, FAKE))
    result: dict[str, Any] = {
        "real": real,
        "fake": fake,
        "judged_real": judged_real,
        "judged_fake": judged_fake,
        "coverage": len(judged) / len(rows),
    }
    if not (judged_real and judged_fake):
        return result | {"missing": f"{judged_real} real and {judged_fake} fake videos were judged, both are needed"}
    scores = [float(rows[i].score) for i in judged]  # type: ignore[arg-type]
    found = detection_metrics(scores, [rows[i].label for i in judged], [groups[i] for i in judged], bootstrap)
    for name, estimate in found.items():
        result |= estimate.to_json(name)
    if refused != "drop":
        filled = [_filled(row, refused) for row in rows]
        everyone = detection_metrics(filled, [row.label for row in rows], groups, bootstrap)["auc"]
        result |= everyone.to_json("auc_all")
    return result


def _code(row: Row) -> str:
    """The reason without its details, which differ from video to video."""
    return row.reason.partition(":")[0]


def _filled(row: Row, refused: Refusal) -> float:
    if row.score is not None:
        return row.score
    return 0.5 if refused == "half" else float(row.label == REAL)


def _row(line: dict[str, Any]) -> Row:
    known = {name: line[name] for name in ("video", "label", "manipulation", "identity", "original", "sha256")}
    return Row(**known, status=line["status"], reason=line["reason"] or "")


def _meta(line: dict[str, Any]) -> ClipMeta:
    """A manifest line as the selection sees a clip of it."""
    keys = ("label", "manipulation", "identity", "original", "split")
    said = {key: line[key] for key in keys} | {"identities": tuple(line["identities"])}
    return ClipMeta(key="", video=line["video"], source_sha256="", track=0, span=(0, 0), faces=0, **said)


def _unlabelled(corpus: Corpus, selection: Selection) -> int:
    lines = selected_lines(corpus, replace(selection, label="any"))
    return sum(line["label"] is None for line in lines)
