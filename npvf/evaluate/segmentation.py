"""How well a localizer finds forged pixels and forged videos of a labelled, prepared corpus.

What counts is the picture: a video whose sound alone is forged is real here. Pixels are those of the source's full
frames at 25 a second, with the masks of all faces pasted back; where no face was followed nothing is called forged, and
forged pixels there are missed. Videos that were refused, and forgeries without a known mask, are counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from npvf.clip import FAKE, REAL, Clip
from npvf.data.face_sample import picture_label
from npvf.data.selection import Selection
from npvf.detect.localizer import Localizer
from npvf.detect.paste import MaskPiece, source_masks
from npvf.errors import NpvfError, Refused
from npvf.evaluate.detection import Grouping, bootstrap_groups
from npvf.evaluate.fit_fusion import clips_by_video
from npvf.evaluate.results import ClassMetrics, Metrics, PixelMetrics, SegmentationMetrics, SegmentationReport
from npvf.evaluate.video_scores import LABELLED, Row, mark_duplicates, selected_lines
from npvf.io.corpus import Corpus
from npvf.io.masks import VideoMasks
from npvf.metrics.bootstrap import DEFAULT, Bootstrap, Estimate
from npvf.metrics.detection import accuracy, detection_metrics
from npvf.metrics.pixels import PixelTally, auc_error, pixel_metrics

VIDEO = ("auc", "f1", "accuracy", "balanced_accuracy", "average_precision", "eer")


@dataclass(slots=True)
class LocatedRow(Row):
    """One video. `label` is its picture's; `score` that of its most suspicious face.

    `pixels` says how its pixels did ("auc", "f1", "iou", "fpr", means over its frames); empty: its mask is unknown.
    """

    faces: int = 0
    forged_frames: int = 0
    pixels: dict[str, float] = field(default_factory=dict)

    def flat(self) -> dict[str, Any]:
        """As a row of a table."""
        known = ("video", "label", "manipulation", "identity", "original", "status", "reason", "clips", "score")
        pixels = {f"pixel_{name}": self.pixels.get(name) for name in ("auc", "f1", "iou", "fpr")}
        return {name: getattr(self, name) for name in (*known, "faces", "forged_frames")} | pixels


def evaluate_localization(
    corpus: Corpus,
    localizer: Localizer,
    selection: Selection = LABELLED,
    group: Grouping = "auto",
    bootstrap: Bootstrap = DEFAULT,
    on_clip: Callable[[], object] = lambda: None,
) -> tuple[SegmentationReport, list[LocatedRow]]:
    """Localize the labelled videos of a corpus: the report and its rows.

    The report has "video" (AUC, F1, accuracy, ... of the picture being forged) and "pixel" (`pixel_metrics`), over all
    and, each kind of forgery against all reals, `by_manipulation`.

    Raises:
        NpvfError: no video of the selection says whether its picture is forged, or a class is missing.
    """
    lines = {line["video"]: line for line in selected_lines(corpus, selection)}
    labels = {
        v: picture_label(line["label"], line.get("audio_label"), line.get("video_label")) for v, line in lines.items()
    }
    rows = {video: _row(lines[video], label) for video, label in labels.items() if label is not None}
    if not rows:
        raise NpvfError(f"{corpus.folder} holds no video in this selection whose picture is known to be real or forged")
    mark_duplicates(list(rows.values()))
    tallies: dict[str, PixelTally] = {}
    for clips in clips_by_video(corpus, replace(selection, speakers_only=False), on_clip):
        first = next(clips)
        row = rows.get(first.meta.video)
        if row is None or row.status != "prepared":
            continue
        pieces = _judge(row, localizer, chain([first], clips))
        tally = _count(row, lines[row.video], first.meta.source_size, pieces, localizer.settings.mask_threshold)
        if tally is not None:
            tallies[row.video] = tally
    unlabelled = len(lines) - len(rows)
    report = localization_report(list(rows.values()), tallies, localizer, group, bootstrap, unlabelled)
    return report, list(rows.values())


def localization_report(
    rows: Sequence[LocatedRow],
    tallies: dict[str, PixelTally],
    localizer: Localizer,
    group: Grouping = "auto",
    bootstrap: Bootstrap = DEFAULT,
    unlabelled: int = 0,
) -> SegmentationReport:
    """The report on the rows, and on the tallies of those whose masks are known."""
    counted = [row for row in rows if row.status != "duplicate"]
    names, grouping = bootstrap_groups([(r.identity, r.original or r.video) for r in counted], group)
    group_of = {row.video: name for row, name in zip(counted, names, strict=True)}
    threshold = localizer.settings.threshold

    def part(chosen: list[LocatedRow]) -> SegmentationMetrics:
        return SegmentationMetrics(
            _video_metrics(chosen, group_of, threshold, bootstrap), _pixel_metrics(chosen, tallies, group_of, bootstrap)
        )

    whole = part(counted)
    if whole.video.missing:
        raise NpvfError(f"nothing to measure: {whole.video.missing}")
    kinds = sorted({row.manipulation or "unknown" for row in counted if row.label == FAKE})
    of_kind = {k: [r for r in counted if r.label == REAL or (r.manipulation or "unknown") == k] for k in kinds}
    return SegmentationReport(
        localizer=localizer.settings.name,
        threshold=threshold,
        mask_threshold=localizer.settings.mask_threshold,
        group=grouping,
        groups=len(set(names)),
        duplicates=len(rows) - len(counted),
        reasons=dict(Counter(row.reason.partition(":")[0] for row in counted if row.score is None).most_common()),
        unlabelled=unlabelled,
        main=whole,
        by_manipulation={kind: part(chosen) for kind, chosen in of_kind.items()},
    )


def _row(line: dict[str, Any], label: int) -> LocatedRow:
    known = {name: line[name] for name in ("video", "manipulation", "identity", "original", "sha256")}
    return LocatedRow(**known, label=label, status=line["status"], reason=line["reason"] or "")


def _judge(row: LocatedRow, localizer: Localizer, clips: Iterable[Clip]) -> list[MaskPiece]:
    """Localize a video's clips: its score, and the masks."""
    logits: dict[int, list[np.ndarray]] = defaultdict(list)
    pieces = []
    for clip in clips:
        located = localizer.localize(clip)
        logits[clip.meta.track].append(located.logit_T)
        pieces.append(located.piece(clip))
    row.score = float(max(expit(localizer.log_odds(found)) for found in logits.values()))
    row.status, row.clips, row.faces = "judged", len(pieces), len(logits)
    return pieces


def _count(
    row: LocatedRow, line: dict[str, Any], size: tuple[int, int], pieces: Sequence[MaskPiece], threshold: float
) -> PixelTally | None:
    """The pixels of one video; None where its mask is not known, or cannot be read any more."""
    frames = line["frames"]
    try:
        truth = _truth(row, line, frames, size)
        if truth is None:
            return None
        tally = PixelTally(threshold)
        for found_HW, forged_HW in zip(source_masks(pieces, frames, size), truth, strict=True):
            tally.add(found_HW, forged_HW)
    except Refused as refusal:
        row.reason = str(refusal)
        return None
    row.forged_frames = tally.forged_frames
    row.pixels = {name: tally.sums[name] / count for name, count in tally.known.items() if count}
    return tally


def _truth(row: LocatedRow, line: dict[str, Any], frames: int, size: tuple[int, int]) -> Iterator[np.ndarray] | None:
    """(H, W) bool of each frame."""
    width, height = size
    if row.label == REAL:
        return iter([np.zeros((height, width), bool)] * frames)
    path = line.get("mask_path")
    return None if path is None else VideoMasks(Path(path), frames, (height, width)).between(0, frames)


def _video_metrics(
    rows: Sequence[LocatedRow], group_of: dict[str, Hashable], threshold: float, bootstrap: Bootstrap
) -> ClassMetrics:
    judged = [row for row in rows if row.score is not None]
    labels = [row.label for row in judged]
    result = ClassMetrics(
        real=sum(row.label == REAL for row in rows),
        fake=sum(row.label == FAKE for row in rows),
        judged_real=labels.count(REAL),
        judged_fake=labels.count(FAKE),
        coverage=len(judged) / len(rows),
    )
    if len(set(labels)) < 2:
        counts = f"{labels.count(REAL)} real and {labels.count(FAKE)} fake"
        return replace(result, missing=f"{counts} videos were judged, both are needed")
    scores_N, groups = np.array([row.score for row in judged], float), [group_of[row.video] for row in judged]
    called_N, fake_N = (scores_N >= threshold).astype(float), np.array(labels, float)

    def calls(weights_RN: np.ndarray) -> dict[str, np.ndarray]:
        found_R, all_R = weights_RN @ (called_N * fake_N), weights_RN @ (called_N + fake_N)
        with np.errstate(invalid="ignore"):
            return {
                "f1": 2 * found_R / all_R,
                "accuracy": accuracy(scores_N, labels, weights_RN, threshold),
                "balanced_accuracy": accuracy(scores_N, labels, weights_RN, threshold, balanced=True),
            }

    found = detection_metrics(scores_N, labels, groups, bootstrap) | bootstrap.estimates(calls, groups)
    metrics = {name: found[name] for name in VIDEO}
    return replace(result, metrics=metrics | _within_originals(judged, group_of, bootstrap))


def _within_originals(
    judged: Sequence[LocatedRow], group_of: dict[str, Hashable], bootstrap: Bootstrap
) -> dict[str, Estimate]:
    """How often a forgery scores above genuine videos of the same original that show as many faces; ties count half.

    People and cameras shift scores by more than forgeries do as long as a localizer has seen few: this leaves them out.
    Empty where no forgery has such a counterpart.
    """
    genuine: dict[tuple[str, int], list[LocatedRow]] = defaultdict(list)
    for row in judged:
        if row.label == REAL:
            genuine[row.original or row.video, row.faces].append(row)
    pairs = [
        (fake, real)
        for fake in judged
        if fake.label == FAKE
        for real in genuine.get((fake.original or fake.video, fake.faces), [])
    ]
    if not pairs:
        return {}
    fake_N, real_N = np.array([(fake.score, real.score) for fake, real in pairs], float).T
    above_N = (np.sign(fake_N - real_N) + 1) / 2

    def share(weights_RN: np.ndarray) -> dict[str, np.ndarray]:
        return {"auc_within_originals": weights_RN @ above_N / weights_RN.sum(-1)}

    return bootstrap.estimates(share, [group_of[fake.video] for fake, _ in pairs])


def _pixel_metrics(
    rows: Sequence[LocatedRow], tallies: dict[str, PixelTally], group_of: dict[str, Hashable], bootstrap: Bootstrap
) -> PixelMetrics:
    measured = [row for row in rows if row.video in tallies]
    chosen = [tallies[row.video] for row in measured]
    frames, forged = sum(tally.frames for tally in chosen), sum(tally.forged_frames for tally in chosen)
    metrics: Metrics = {}
    if frames:
        metrics = pixel_metrics(chosen, [group_of[row.video] for row in measured], bootstrap)
    return PixelMetrics(
        videos=len(measured),
        forged_videos=sum(row.label == FAKE for row in measured),
        without_mask=sum(row.score is not None and row.video not in tallies for row in rows),
        coverage=len(measured) / len(rows),
        frames=frames,
        forged_frames=forged,
        genuine_frames=frames - forged,
        metrics=metrics,
        auc_error=auc_error(chosen),
    )
