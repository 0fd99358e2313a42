"""The pages of the three protocols: one HTML file each, with what a reader needs to judge the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from npvf.clip import FAKE, REAL
from npvf.evaluate.results import (
    ClassMetrics,
    DetectionReport,
    Metrics,
    RunRecord,
    SegmentationMetrics,
    SegmentationReport,
    SynchronyReport,
)
from npvf.evaluate.segmentation import LocatedRow
from npvf.evaluate.video_scores import Row
from npvf.metrics.bootstrap import FEW_GROUPS, Estimate
from npvf.metrics.catalogue import DETECTION, PIXELS, SEGMENTATION_VIDEOS, SYNCHRONY, TEMPORAL_LOCALIZATION
from npvf.report.pages import data_address, render

SHOWN = 6  # videos or clips in each list of mistakes
SHORTCUTS = 8  # rows of the table of shortcuts
SYNCHRONY_COLUMNS = {
    "model": "model",
    "model_gated": "model, gated frames",
    "baseline": "baseline, level",
    "baseline_change": "baseline, change",
}
T = TypeVar("T", bound=Row)


def detection_page(report: DetectionReport, record: RunRecord, rows: Sequence[Row], plots: Sequence[Path] = ()) -> str:
    """The page of a detection run.

    Args:
        report, record: of the run.
        rows: the scores of the metrics at the top of the report.
        plots: SVG files of `write_plots`, which go into the page.
    """
    columns = detection_columns(report)
    return render(
        "detection",
        report=report,
        record=record,
        reasons=unjudged(rows),
        metrics=DETECTION,
        temporal=TEMPORAL_LOCALIZATION,
        few_groups=FEW_GROUPS,
        columns=columns,
        column_metrics={name: part.metrics for name, part in columns.items()},
        judged=sum(row.score is not None for row in rows),
        counted=sum(row.status != "duplicate" for row in rows),
        parts=_by_kind(report),
        rival=report.strongest,
        shortcuts=[(one, Estimate(one.auc, 0, one.interval)) for one in report.shortcuts or () if one.auc is not None][
            :SHORTCUTS
        ],
        mistakes=mistakes(rows, report.main.threshold),
        plots=[(path.stem, data_address(path.read_bytes(), "image/svg+xml")) for path in plots],
    )


def segmentation_page(report: SegmentationReport, record: RunRecord, rows: Sequence[LocatedRow]) -> str:
    """The page of a segmentation run; `rows` are its videos."""
    parts = segmentation_columns(report)
    located = [row for row in rows if "iou" in row.pixels]
    genuine = [row for row in rows if row.label == REAL and row.pixels.get("fpr", 0) > 0]
    return render(
        "segmentation",
        report=report,
        record=record,
        few_groups=FEW_GROUPS,
        parts=parts,
        video_catalogue=SEGMENTATION_VIDEOS,
        pixel_catalogue=PIXELS,
        video_metrics={name: part.video.metrics for name, part in parts.items()},
        pixel_metrics={name: part.pixel.metrics for name, part in parts.items()},
        prior_catalogue={name: PIXELS[name] for name in ("auc", "iou", "fpr_genuine", "placed_auc", "genuine_area")},
        prior_metrics={name: part.prior.metrics if part.prior else {} for name, part in parts.items()},
        missed=_first(located, lambda row: row.pixels["iou"]),
        accused=_first(genuine, lambda row: -row.pixels["fpr"]),
    )


def synchrony_page(report: SynchronyReport, record: RunRecord, rows: Sequence[Mapping[str, Any]]) -> str:
    """The page of a synchrony run; `rows` are its clips, with their best offsets."""
    lead = next(name for name in SYNCHRONY_COLUMNS if name in report.columns)
    offsets = [{**row, "offset": row[f"offset_{lead}"]} for row in rows if abs(row[f"offset_{lead}"] or 0) > 1]
    columns = {SYNCHRONY_COLUMNS[name]: column for name, column in report.columns.items()}
    return render(
        "synchrony",
        report=report,
        record=record,
        few_groups=FEW_GROUPS,
        lead=report.columns[lead],
        lead_title=SYNCHRONY_COLUMNS[lead],
        metrics=SYNCHRONY,
        columns=columns,
        estimates={name: column.estimates for name, column in columns.items()},
        missing=[
            (f"{SYNCHRONY[name].title} ({title})", why)
            for title, c in columns.items()
            for name, why in c.missing.items()
        ],
        far=sorted(offsets, key=lambda row: -abs(row["offset"]))[:SHOWN],
    )


def detection_columns(report: DetectionReport) -> dict[str, ClassMetrics]:
    """The columns of the main table: videos and segments, of whole and of trimmed clips."""
    first = "videos" if report.silence == "kept" else "videos, trimmed"
    ways = {first: report.main} | ({"videos, trimmed": report.trimmed} if report.trimmed else {})
    videos = {name: found.videos for name, found in ways.items()}
    segments = {name.replace("videos", "segments"): found.segments for name, found in ways.items() if found.segments}
    return {**videos, **segments, **report.main.by_training}


def unjudged(rows: Sequence[Row]) -> list[tuple[str, int, str]]:
    """The reasons for which videos have no score: the code, the number of videos, and the sentence of one of them."""
    reasons = [row.reason for row in rows if row.score is None and row.status != "duplicate"]
    counts = Counter(reason.partition(":")[0] for reason in reasons)
    sentence = {reason.partition(":")[0]: reason.partition(":")[2].strip() for reason in reversed(reasons)}
    return [(code, count, sentence[code]) for code, count in counts.most_common()]


def segmentation_columns(report: SegmentationReport) -> dict[str, SegmentationMetrics]:
    """All forgeries, and each kind of them."""
    return {"all forgeries": report.main, **report.by_manipulation}


def mistakes(rows: Sequence[Row], threshold: float) -> dict[str, list[Row]]:
    """The wrong calls with the highest confidence: reals with the highest scores, fakes with the lowest."""
    judged = [row for row in rows if row.score is not None]
    accused = [row for row in judged if row.label == REAL and _score(row) >= threshold]
    missed = [row for row in judged if row.label == FAKE and _score(row) < threshold]
    return {
        "Reals called fake": _first(accused, lambda row: -_score(row)),
        "Fakes called real": _first(missed, _score),
    }


def _by_kind(report: DetectionReport) -> dict[str, list[tuple[str, ClassMetrics, Metrics]]]:
    """Tables by kind of fake: the kind, its metrics, and its metrics without the silence at the start."""
    found = {}
    for name in ("manipulation", "category"):
        main: Mapping[str, ClassMetrics] = getattr(report.main, f"by_{name}")
        trimmed: Mapping[str, ClassMetrics] = getattr(report.trimmed, f"by_{name}", {})
        if main:
            main = {k: part for k, part in main.items() if k not in report.main.seen} | dict(main)  # seen ones last
            found[name] = [(k, part, trimmed[k].metrics if k in trimmed else {}) for k, part in main.items()]
    return found


def _first(rows: Sequence[T], key: Callable[[T], float]) -> list[T]:
    return sorted(rows, key=key)[:SHOWN]


def _score(row: Row) -> float:
    assert row.score is not None
    return row.score
