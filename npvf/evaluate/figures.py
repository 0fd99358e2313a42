"""The figures of one set of videos with their counts and coverage, as they stand in `metrics.json`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from npvf.clip import FAKE, FPS, REAL
from npvf.evaluate.video_scores import Row, SegmentRow
from npvf.metrics.bootstrap import DEFAULT, Bootstrap
from npvf.metrics.detection import auc, detection_metrics, rates
from npvf.metrics.temporal_localization import Proposals, localization_metrics
from npvf.metrics.temporal_proposals import frame_probabilities, join, propose

Refusal = Literal["half", "worst", "drop"]


@dataclass(frozen=True, slots=True)
class How:
    """How figures are made.

    Args:
        refused: the score of videos that were not judged in `auc_all`: 0.5, the worst for their label, or no `auc_all`.
        bootstrap: how intervals are made.
        threshold: probability from which on a video or segment is called fake.
    """

    refused: Refusal = "half"
    bootstrap: Bootstrap = DEFAULT
    threshold: float = 0.5


def video_figures(rows: Sequence[Row], groups: Sequence[Hashable], how: How) -> dict[str, Any]:
    """Counts, coverage and metrics of the judged videos; `missing` says why there are none.

    `auc_all` is over all of them, `groups` are what the bootstrap draws as a whole, one for each row.
    """
    judged = [i for i, row in enumerate(rows) if row.score is not None]
    result = _counts([row.label for row in rows], [rows[i].label for i in judged])
    if not (result["judged_real"] and result["judged_fake"]):
        return result | {"missing": _missing(result, "videos")}
    labels, scores = [rows[i].label for i in judged], [_score(rows[i]) for i in judged]
    found = detection_metrics(scores, labels, [groups[i] for i in judged], how.bootstrap, how.threshold)
    for name, estimate in found.items():
        result |= estimate.to_json(name)
    if how.refused != "drop":
        everyone, drawn = [_filled(row, how.refused) for row in rows], [row.label for row in rows]
        result |= detection_metrics(everyone, drawn, groups, how.bootstrap)["auc"].to_json("auc_all")
    return result


def segment_figures(
    segments: Sequence[SegmentRow], rows: Sequence[Row], groups: Sequence[Hashable], how: How
) -> dict[str, Any]:
    """Metrics over segments of 0.96 s; those of one video stay together in the bootstrap.

    `coverage` is the share of the videos that have a judged segment, `seconds_judged` of the clips' time that lies in
    one.
    """
    group_of = {row.video: group for row, group in zip(rows, groups, strict=True)}
    here = [segment for segment in segments if segment.video in group_of]
    labels = [segment.label for segment in here]
    counts = _counts(labels, labels)
    clips_s = sum(row.seconds for row in rows)
    result = {"real": counts["real"], "fake": counts["fake"]} | {
        "coverage": len({segment.video for segment in here}) / len(rows),
        "seconds_judged": _union_s(here) / clips_s if clips_s else 0.0,
    }
    if not (counts["real"] and counts["fake"]):
        return result | {"missing": _missing(counts, "segments")}
    scores = [segment.score for segment in here]
    found = detection_metrics(scores, labels, [group_of[s.video] for s in here], how.bootstrap, how.threshold)
    for name, estimate in found.items():
        result |= estimate.to_json(name)
    return result


def localization_figures(
    segments: Sequence[SegmentRow], rows: Sequence[Row], groups: Sequence[Hashable], how: How
) -> dict[str, Any] | None:
    """Where the forged seconds are; None where no video says. A video that was not judged misses all of its spans.

    Fakes without known spans take no part: nobody said that all of them is forged.
    """
    used = [i for i, row in enumerate(rows) if row.intervals or row.label == REAL]
    truth = [np.array(rows[i].intervals, float).reshape(-1, 2) for i in used]
    if not any(map(len, truth)):
        return None
    by_video = proposals_of(segments)
    nothing = join([])
    found = [by_video.get(rows[i].video, nothing) for i in used]
    measured = localization_metrics(found, truth, [groups[i] for i in used], how.bootstrap)
    result: dict[str, Any] = {
        "videos": len(used),
        "spans": sum(map(len, truth)),
        "coverage": sum(rows[i].score is not None for i in used) / len(used),
    }
    for name, estimate in measured.items():
        result |= estimate.to_json(name)
    return result


def proposals_of(segments: Sequence[SegmentRow]) -> dict[str, Proposals]:
    """Each video's spans that may be forged, from its segments' probabilities (`npvf.metrics.temporal_proposals`)."""
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


def gap(parts: Mapping[str, Sequence[int]], rows: Sequence[Row], groups: Sequence[Hashable], how: How) -> Any:
    """How far the best and the worst group of people lie apart, in AUC and in false alarms; None with one group alone.

    The intervals are of the difference of these two groups, which were picked for being far apart: where there are many
    small groups some gap is luck.
    """
    everyone = [i for i, row in enumerate(rows) if row.score is not None]
    number = {i: n for n, i in enumerate(everyone)}
    places = {name: [number[i] for i in part if i in number] for name, part in parts.items()}
    scores_N, labels_N = np.array([_score(rows[i]) for i in everyone]), np.array([rows[i].label for i in everyone])
    places = {name: part for name, part in places.items() if len(set(labels_N[part])) == 2}
    if len(places) < 2:
        return None

    def measure(figure: str, name: str, weights_RN: np.ndarray) -> np.ndarray:
        part = scores_N[places[name]], labels_N[places[name]], weights_RN[:, places[name]]
        return auc(*part) if figure == "auc" else rates(*part, how.threshold)[0]

    def apart(figure: str) -> dict[str, Any]:
        alone = np.ones((1, len(everyone)))
        low, *_, high = sorted(places, key=lambda name: float(measure(figure, name, alone)[0]))
        found = how.bootstrap.estimates(
            lambda w_RN: {"": measure(figure, high, w_RN) - measure(figure, low, w_RN)}, [groups[i] for i in everyone]
        )
        return found[""].to_json(figure) | {f"{figure}_low": low, f"{figure}_high": high}

    return apart("auc") | apart("fpr")


def _counts(labels: Sequence[int], judged: Sequence[int]) -> dict[str, Any]:
    return {
        "real": labels.count(REAL),
        "fake": labels.count(FAKE),
        "judged_real": judged.count(REAL),
        "judged_fake": judged.count(FAKE),
        "coverage": len(judged) / max(len(labels), 1),
    }


def _missing(counts: Mapping[str, Any], what: str) -> str:
    return f"{counts['judged_real']} real and {counts['judged_fake']} fake {what} were judged, both are needed"


def _score(row: Row) -> float:
    assert row.score is not None
    return row.score


def _filled(row: Row, refused: Refusal) -> float:
    if row.score is not None:
        return row.score
    return 0.5 if refused == "half" else float(row.label == REAL)


def _union_s(segments: Sequence[SegmentRow]) -> float:
    """Seconds that lie in at least one segment of their clip."""
    total, clip, reached = 0.0, "", 0.0
    for segment in sorted(segments, key=lambda s: (s.clip, s.start)):
        if segment.clip != clip:
            clip, reached = segment.clip, segment.start
        total += max(0.0, segment.end - max(segment.start, reached))
        reached = max(reached, segment.end)
    return total
