"""Measure how well a localizer finds forged pixels and forged videos of a labelled, prepared corpus.

What counts is the picture: a video whose sound alone is forged is real here. Pixels are those of the source's full
frames at 25 a second, with the masks of all faces pasted back; where no face was followed nothing is called forged, and
forged pixels there are missed. The place-matched AUC and the genuine area are those of the face crops. Videos that were
refused, and forgeries without a known mask, are counted. The constant mask (`MaskPrior`) is measured beside it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from npvf.clip import FAKE, REAL, Clip
from npvf.data.face_sample import picture_label
from npvf.data.selection import Selection
from npvf.detect.aggregate import ClipScore, VideoScore
from npvf.detect.heatmaps import LocatedClip
from npvf.detect.localizer import LocalizerSettings, picture_score
from npvf.detect.paste import MaskPiece, source_masks
from npvf.errors import NpvfError, Refused
from npvf.evaluate.baselines.mask_prior import MaskPrior
from npvf.evaluate.detection import Grouping, bootstrap_groups
from npvf.evaluate.fit_fusion import clips_by_video
from npvf.evaluate.results import ClassMetrics, PixelMetrics, PriorRecord, SegmentationMetrics, SegmentationReport
from npvf.evaluate.video_scores import LABELLED, Row, mark_duplicates, selected_lines
from npvf.io.corpus import Corpus
from npvf.io.masks import VideoMasks
from npvf.metrics.bootstrap import DEFAULT, Bootstrap, Estimate, weighted_mean
from npvf.metrics.detection import accuracy, detection_metrics
from npvf.metrics.pixels import PixelTally, auc_error, pixel_metrics
from npvf.metrics.place import PlaceTally, placed_auc

PLACE_EVERY = 12  # frames of a clip from one that the place-matched AUC looks at to the next
VIDEO = ("auc", "f1", "accuracy", "balanced_accuracy", "average_precision", "eer")


class FindsPixels(Protocol):
    """The interface of what is measured: `npvf.detect.localizer.Localizer`, or the constant mask."""

    settings: LocalizerSettings

    def localize(self, clip: Clip) -> LocatedClip:
        """Return the forged pixels of the face in a clip."""

    def aggregate(self, scores: Sequence[ClipScore]) -> VideoScore:
        """The score of one video from those of its clips."""


@dataclass(slots=True)
class LocatedRow(Row):
    """One video. `label` is its picture's; `score` that of its most suspicious face.

    `pixels` says how its pixels did ("auc", "f1", "iou", "fpr", means over its frames); empty: its mask is unknown.
    `marked` is the share of its faces' pixels that is called forged, the mean over frames.
    """

    faces: int = 0
    forged_frames: int = 0
    marked: float | None = None
    pixels: dict[str, float] = field(default_factory=dict)

    def flat(self) -> dict[str, Any]:
        """Return the row of a table."""
        known = ("video", "label", "manipulation", "identity", "original", "status", "reason", "clips", "score")
        pixels = {f"pixel_{name}": self.pixels.get(name) for name in ("auc", "f1", "iou", "fpr")}
        return {name: getattr(self, name) for name in (*known, "faces", "forged_frames", "marked")} | pixels


@dataclass(slots=True)
class FoundPixels:
    """The result of one method for one video.

    Attributes:
        scores: of its clips.
        pieces: the masks of its faces.
        places: crops for the place-matched AUC.
        areas: of each clip, the share (T,) of the face that is called forged.
        tally: full frames; None where the true mask is not known.
    """

    scores: list[ClipScore] = field(default_factory=list)
    pieces: list[MaskPiece] = field(default_factory=list)
    places: PlaceTally = field(default_factory=PlaceTally)
    areas: list[np.ndarray] = field(default_factory=list)
    tally: PixelTally | None = None

    def add(self, clip: Clip, located: LocatedClip, label: int) -> None:
        """Keep what is needed of a clip; `label` is that of its video's picture."""
        self.scores.append(picture_score(clip.meta, located.logit_T))
        self.pieces.append(located.piece(clip))
        self.areas.append(located.area_T)
        if clip.mask_THW is None and label != REAL:
            return  # it is not known where it is forged
        for frame in range(0, clip.frames, PLACE_EVERY):
            truth_HW = np.zeros((1, 1), bool) if clip.mask_THW is None else clip.mask_THW[frame]
            self.places.add(located.mask_Thw[frame], truth_HW)

    @property
    def marked(self) -> float:
        """The mean of the areas over frames."""
        return float(np.concatenate(self.areas).mean())


def evaluate_segmentation(
    corpus: Corpus,
    localizer: FindsPixels,
    selection: Selection = LABELLED,
    group: Grouping = "auto",
    bootstrap: Bootstrap = DEFAULT,
    on_clip: Callable[[], object] = lambda: None,
    prior: MaskPrior | None = None,
) -> tuple[SegmentationReport, list[LocatedRow]]:
    """Localize the labelled videos of a corpus: the report and its rows.

    The report has "video" (AUC, F1, accuracy, ... of the picture being forged) and "pixel" (`pixel_metrics`,
    "placed_auc", "genuine_area"), over all and, each kind of forgery against all reals, `by_manipulation`. With a
    `prior` each part also has the constant mask's metrics on the same frames.

    Raises:
        NpvfError: no video of the selection says whether its picture is forged, or a class is missing.
    """
    lines = {line["video"]: line for line in selected_lines(corpus, selection)}
    rows = {video: row for video, line in lines.items() if (row := _row(line)) is not None}
    if not rows:
        raise NpvfError(f"{corpus.folder} holds no video in this selection whose picture is known to be real or forged")
    mark_duplicates(list(rows.values()))
    methods: list[FindsPixels] = [localizer] if prior is None else [localizer, prior]
    found: list[dict[str, FoundPixels]] = [{} for _ in methods]
    for clips in clips_by_video(corpus, replace(selection, speakers_only=False), on_clip):
        first = next(clips)
        row = rows.get(first.meta.video)
        if row is None or row.status != "prepared":
            continue
        for of_method, pixels in zip(found, _judge(row, methods, chain([first], clips)), strict=True):
            of_method[row.video] = pixels
        _count(row, lines[row.video], first.meta.source_size, [m[row.video] for m in found], methods)
    report = segmentation_report(list(rows.values()), found, localizer, group, bootstrap, len(lines) - len(rows))
    if prior is not None:
        report = replace(report, prior=PriorRecord(prior.settings.mask_threshold, prior.fitted_on))
    return report, list(rows.values())


def segmentation_report(
    rows: Sequence[LocatedRow],
    found: Sequence[dict[str, FoundPixels]],
    localizer: FindsPixels,
    group: Grouping = "auto",
    bootstrap: Bootstrap = DEFAULT,
    unlabelled: int = 0,
) -> SegmentationReport:
    """The report on the rows. `found` has by video what the localizer found and, if asked for, the constant mask."""
    counted = [row for row in rows if row.status != "duplicate"]
    names, grouping = bootstrap_groups([(r.identity, r.original or r.video) for r in counted], group)
    group_of = {row.video: name for row, name in zip(counted, names, strict=True)}
    threshold = localizer.settings.threshold

    def part(chosen: list[LocatedRow]) -> SegmentationMetrics:
        pixel, *prior = (_pixel_metrics(chosen, by_video, group_of, bootstrap) for by_video in found)
        video = _video_metrics(chosen, group_of, threshold, bootstrap)
        return SegmentationMetrics(video, pixel, prior[0] if prior else None)

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


def _row(line: dict[str, Any]) -> LocatedRow | None:
    """None where nothing is known of the picture."""
    label = picture_label(line["label"], line.get("audio_label"), line.get("video_label"))
    if label is None:
        return None
    known = {name: line[name] for name in ("video", "manipulation", "identity", "original", "sha256")}
    return LocatedRow(**known, label=label, status=line["status"], reason=line["reason"] or "")


def _judge(row: LocatedRow, methods: Sequence[FindsPixels], clips: Iterable[Clip]) -> list[FoundPixels]:
    """Apply each method to the clips of a video; the row takes the result of the first one."""
    found = [FoundPixels() for _ in methods]
    for clip in clips:
        for method, pixels in zip(methods, found, strict=True):
            pixels.add(clip, method.localize(clip), row.label)
    first = found[0]
    video = methods[0].aggregate(first.scores)
    row.score, row.verdict, row.status = video.probability, video.verdict, "judged"
    row.clips, row.faces, row.marked = len(first.pieces), len(video.tracks), first.marked
    return found


def _count(
    row: LocatedRow,
    line: dict[str, Any],
    size: tuple[int, int],
    found: Sequence[FoundPixels],
    methods: Sequence[FindsPixels],
) -> None:
    """Tally the full frames of one video for each method, unless its mask is not known or cannot be read any more."""
    frames = line["frames"]
    tallies = [PixelTally(method.settings.mask_threshold) for method in methods]
    try:
        truth = _truth(row, line, frames, size)
        if truth is not None:
            masks = (source_masks(pixels.pieces, frames, size) for pixels in found)
            for forged_HW, *masks_HW in zip(truth, *masks, strict=True):
                for tally, mask_HW in zip(tallies, masks_HW, strict=True):
                    tally.add(mask_HW, forged_HW)
    except Refused as refusal:
        row.reason, truth = str(refusal), None
    for pixels, tally in zip(found, tallies, strict=True):
        pixels.pieces = []  # they lie in temporary files, which would pile up over many videos
        pixels.tally = None if truth is None else tally
    if truth is not None:
        row.forged_frames = tallies[0].forged_frames
        row.pixels = {name: tallies[0].sums[name] / count for name, count in tallies[0].known.items() if count}


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
    """The share of pairs in which a forgery scores above a real video of the same original; ties count half.

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
    rows: Sequence[LocatedRow], found: dict[str, FoundPixels], group_of: dict[str, Hashable], bootstrap: Bootstrap
) -> PixelMetrics:
    tallies = {video: pixels.tally for video, pixels in found.items() if pixels.tally is not None}
    measured = [row for row in rows if row.video in tallies]
    chosen, groups = [tallies[row.video] for row in measured], [group_of[row.video] for row in measured]
    frames, forged = sum(tally.frames for tally in chosen), sum(tally.forged_frames for tally in chosen)
    metrics: dict[str, Estimate] = {}
    if frames:
        placed = placed_auc([found[row.video].places for row in measured], groups, bootstrap)
        metrics = pixel_metrics(chosen, groups, bootstrap)
        metrics |= {} if placed is None else {"placed_auc": placed}
        metrics |= _genuine_area(measured, found, group_of, bootstrap)
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


def _genuine_area(
    rows: Sequence[LocatedRow], found: dict[str, FoundPixels], group_of: dict[str, Hashable], bootstrap: Bootstrap
) -> dict[str, Estimate]:
    """Return the share of the pixels of genuine faces that are called forged, the mean over genuine videos."""
    genuine = [row for row in rows if row.label == REAL]
    if not genuine:
        return {}
    areas_N = np.array([found[row.video].marked for row in genuine])
    groups = [group_of[row.video] for row in genuine]
    return bootstrap.estimates(lambda weights_RN: {"genuine_area": weighted_mean(areas_N, weights_RN)}, groups)
