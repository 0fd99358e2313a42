"""The table that `npvf evaluate` prints for each protocol, and the notes that a reader needs to interpret it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table

from npvf.evaluate.pages import SYNCHRONY_COLUMNS, segmentation_columns
from npvf.evaluate.results import (
    ClassMetrics,
    DetectionMetrics,
    DetectionReport,
    Metrics,
    Report,
    RunRecord,
    SegmentationReport,
    SynchronyReport,
)
from npvf.metrics.bootstrap import FEW_GROUPS, Estimate
from npvf.metrics.catalogue import (
    DETECTION,
    PIXELS,
    SEGMENTATION_VIDEOS,
    SYNCHRONY,
    TEMPORAL_LOCALIZATION,
    Metric,
    estimate_text,
)
from npvf.metrics.sync_protocol import SynchronyMetrics

# Rows of the terminal's tables; `report.html` has all metrics.
IN_SHORT = (
    "auc",
    "average_precision",
    "eer",
    "balanced_accuracy",
    "tpr_at_fpr_1",
    "ece",
    "auc_all",
    "fpr_all",
    "tpr_all",
)
PIXELS_IN_SHORT = ("auc", "f1", "iou", "fpr", "fpr_genuine", "auc_pooled", "iou_pooled", "placed_auc", "genuine_area")
PRIOR_IN_SHORT = ("auc", "iou", "fpr_genuine", "placed_auc", "genuine_area")
SPANS = ("ap_50", "ap_75", "ap_90", "ap_95", "ar_100", "ar_50", "ar_20", "ar_10", "ar_5")


def tables_of(report: Report) -> list[Table]:
    """The tables of a report."""
    if isinstance(report, DetectionReport):
        return [detection_table(report), manipulation_table(report)]
    return [segmentation_table(report) if isinstance(report, SegmentationReport) else synchrony_table(report)]


def notes(report: Report, record: RunRecord) -> Iterator[str]:
    """Yield the notes that a reader needs to interpret the table."""
    if split := record.split_file:
        yield f"split of {split['corpus']}: {split['protocol']}, sha256 {split['hash'][:12]}"
    if isinstance(report, DetectionReport):
        yield _unjudged(report.main, report.unlabelled)
        if absent := sorted({*(record.settings.get("seen_generators") or ())} - {*report.main.by_manipulation}):
            yield f"--seen-generators names manipulations that these videos do not have: {', '.join(absent)}"
        yield from _ratios(report.main)
        yield from _shortcut(report)
        yield from _gaps(report)
        yield from _spans(report)
        yield from _interval_notes(report.main, record, _all_metrics(report))
    elif isinstance(report, SegmentationReport):
        yield _unjudged(report, report.unlabelled)
        yield from _pixel_notes(report)
        parts = segmentation_columns(report).values()
        every = [metrics for part in parts for metrics in (part.video.metrics, part.pixel.metrics)]
        yield from _interval_notes(report, record, every)
    else:
        yield from _synchrony_notes(report)
        yield from _interval_notes(report, record, [column.estimates for column in report.columns.values()])


def detection_table(report: DetectionReport) -> Table:
    """A row for each metric; columns: all fakes, also trimmed and by segment."""
    parts: dict[str, ClassMetrics] = {"all fakes": report.main.videos}
    if report.trimmed:
        parts["trimmed"] = report.trimmed.videos
    if report.main.segments:
        parts["segments"] = report.main.segments
    parts |= report.main.by_training
    table = _table("Detection", parts)
    table.add_row("real judged", *(f"{part.judged_real} of {part.real}" for part in parts.values()))
    table.add_row("fake judged", *(f"{part.judged_fake} of {part.fake}" for part in parts.values()))
    table.add_row("coverage", *(f"{part.coverage:.1%}" for part in parts.values()))
    _add_metrics(table, {name: DETECTION[name] for name in IN_SHORT}, [part.metrics for part in parts.values()])
    return table


def manipulation_table(report: DetectionReport) -> Table:
    """A row for each manipulation, the one that is found worst first; those that training has seen come last."""
    main = report.main
    columns = ("auc_all", "tpr_all") if main.refused_as == "worst" else ("auc", "tpr")
    titles = (DETECTION[name].title for name in columns)
    table = Table("manipulation", "fake judged", *titles, title="By manipulation, worst first", box=SIMPLE_HEAD)
    for seen in (False, True):
        parts = {kind: part for kind, part in main.by_manipulation.items() if (kind in main.seen) == seen}
        if seen and parts:
            table.add_section()
            table.add_row("seen in training:")
        for kind, part in parts.items():
            cells = (estimate_text(part.metrics.get(name)) for name in columns)
            table.add_row(kind, f"{part.judged_fake} of {part.fake}", *cells)
    return table


def segmentation_table(report: SegmentationReport) -> Table:
    """A row for each metric; columns: all forgeries, and each kind of them, against all reals."""
    parts = segmentation_columns(report)
    table = _table("Segmentation", parts)
    table.add_row("real videos judged", *(f"{p.video.judged_real} of {p.video.real}" for p in parts.values()))
    table.add_row("fake videos judged", *(f"{p.video.judged_fake} of {p.video.fake}" for p in parts.values()))
    _add_metrics(table, SEGMENTATION_VIDEOS, [part.video.metrics for part in parts.values()])
    table.add_section()
    table.add_row("pixels: forged frames", *(str(part.pixel.forged_frames) for part in parts.values()))
    _add_metrics(table, {name: PIXELS[name] for name in PIXELS_IN_SHORT}, [p.pixel.metrics for p in parts.values()])
    if report.prior is not None:
        table.add_section()
        table.add_row("the constant mask, which looks at no pixel:")
        priors = [part.prior.metrics if part.prior else {} for part in parts.values()]
        _add_metrics(table, {name: PIXELS[name] for name in PRIOR_IN_SHORT}, priors)
    return table


def synchrony_table(report: SynchronyReport) -> Table:
    """A row for each metric; columns: the model and the baselines."""
    columns = list(report.columns.values())
    table = _table("Synchrony", {SYNCHRONY_COLUMNS[name]: column for name, column in report.columns.items()})
    table.add_row("clips measured", *(str(column.clips) for column in columns))
    table.add_row("segments (chance)", *map(_segments, columns))
    _add_metrics(table, SYNCHRONY, [column.estimates for column in columns])
    offsets = ("-" if c.median_offset is None else SYNCHRONY["median_offset"].text(c.median_offset) for c in columns)
    table.add_row(SYNCHRONY["median_offset"].title, *offsets)
    return table


def _table(title: str, columns: Mapping[str, object]) -> Table:
    return Table("metric", *columns, title=f"{title}, with 95 % intervals", box=SIMPLE_HEAD)


def _add_metrics(table: Table, catalogue: Mapping[str, Metric], columns: list[Metrics]) -> None:
    """A row for each metric that any column has."""
    for name, metric in catalogue.items():
        if any(name in metrics for metrics in columns):
            cells = (estimate_text(metrics.get(name), "\n") for metrics in columns)
            table.add_row(f"{'  ' * metric.part}{metric.title}", *cells)


def _segments(column: SynchronyMetrics) -> str:
    return f"{column.segments} ({1 / column.segments:.3f})" if column.segments else "0"


def _unjudged(report: DetectionMetrics | SegmentationReport, unlabelled: int) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in report.reasons.items())
    return f"not judged: {reasons or 'none'}; duplicates: {report.duplicates}; unlabelled: {unlabelled}"


def _ratios(main: DetectionMetrics) -> Iterator[str]:
    """The likelihood ratios, and the videos whose sound and lips do not fit each other."""
    for name, one in main.ratios.items():
        yield f"likelihood ratios of {name}: Cllr {one.cllr:.3f}, {one.cllr_min:.3f} after the best calibration"
    if main.mismatches:
        counts = ", ".join(f"{count} {label}" for label, count in main.mismatches.items())
        yield f"mismatches of sound and lips, not called fake: {counts}"


def _shortcut(report: DetectionReport) -> Iterator[str]:
    """The strongest shortcut beside the detector's own AUC."""
    if one := report.strongest:
        alone = estimate_text(Estimate(one.auc or 0.0, 0, one.interval))
        beside = f"the detector has {estimate_text(report.main.videos.metrics['auc'])}"
        yield f"strongest shortcut: {one.name}, alone AUC {alone}, known for {one.coverage:.1%} of the videos; {beside}"
        if one.is_shortcut:
            yield f"  real: {one.typical_real}; fake: {one.typical_fake}; {one.advice}"


def _gaps(report: DetectionReport) -> Iterator[str]:
    for name, attribute in report.main.by_attribute.items():
        if gap := attribute.gap:
            found = (
                f"{DETECTION[metric].title} {estimate_text(estimate)} ({' to '.join(gap.between[metric])})"
                for metric, estimate in gap.metrics.items()
            )
            yield f"gap by {name}: {', '.join(found)}"


def _spans(report: DetectionReport) -> Iterator[str]:
    if spans := report.main.spans:
        found = (f"{TEMPORAL_LOCALIZATION[name].title} {estimate_text(spans.metrics[name])}" for name in SPANS)
        yield f"temporal localization of {spans.spans} spans: {', '.join(found)}"


def _pixel_notes(report: SegmentationReport) -> Iterator[str]:
    pixel = report.main.pixel
    yield (
        f"pixels: {pixel.frames} full frames of {pixel.videos} videos, {pixel.genuine_frames} of them without a forged "
        f"pixel; {pixel.without_mask} forgeries without a known mask are not included"
    )
    if report.prior is not None:
        fitted = report.prior.fitted_on
        yield (
            f"the constant mask is the mean over {fitted['forged_clips']} forged clips of {fitted['people']} other "
            f"people in {fitted['corpus']}: only what a localizer has above it shows that it looks at the pixels"
        )
    elif report.localizer != "prior":
        yield "no constant mask to compare with: name a prepared corpus of other people with --prior-from"
    yield f"thresholds: videos {report.threshold:.2f}, pixels {report.mask_threshold:.2f}"


def _synchrony_notes(report: SynchronyReport) -> Iterator[str]:
    yield f"{report.videos} videos, {report.refused} refused, {report.duplicates} duplicates"
    unusable = (f"{len(column.unusable)} ({SYNCHRONY_COLUMNS[name]})" for name, column in report.columns.items())
    yield f"clips that are too short or have too few gated frames: {', '.join(unusable)}"
    if "baseline" in report.columns:
        yield "the untrained baselines correlate lip aperture and audio energy, by level or by change"


def _interval_notes(
    report: DetectionMetrics | SegmentationReport | SynchronyReport, record: RunRecord, measured: list[Metrics]
) -> Iterator[str]:
    """Yield how the intervals were made, and warnings if they cannot be trusted."""
    if not record.bootstrap:
        return
    yield f"intervals: {record.bootstrap} resamples of {report.groups} groups by {report.group}"
    if report.groups < FEW_GROUPS:
        yield f"with only {report.groups} groups the intervals are too narrow"
    intervals = [one.interval for metrics in measured for one in metrics.values() if one.interval]
    if any(interval.low == interval.high for interval in intervals):
        yield "an interval has no width because all n items agree; by the rule of three, up to 3 / n may differ"


def _all_metrics(report: DetectionReport) -> list[Metrics]:
    found: list[Metrics] = []
    for one in (report.main, report.trimmed):
        if one:
            found += [part.metrics for part in (one.videos, *one.by_manipulation.values())]
            found += [part.metrics for part in (one.segments, one.spans) if part]
    return found
