"""The table that `npvf evaluate` prints, and the notes that a reader needs to interpret it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

DETECTION = {
    "auc": "AUC",
    "average_precision": "AP",
    "eer": "EER",
    "balanced_accuracy": "balanced accuracy",
    "tpr_at_fpr_1": "TPR at 1 % FPR",
    "ece": "calibration error",
    "auc_all": "AUC of all videos",
}
SYNCHRONY = {
    "retrieval_r1": "retrieval R@1",
    "retrieval_sound_for_picture": "  audio for video",
    "retrieval_picture_for_sound": "  video for audio",
    "sync_within_1": "best offset within +-1 frame",
    "halves_agree": "both halves agree to +-1",
    "swap_auc": "AUC, swapped audio",
    "swap_auc_same_identity": "  of the same person",
    "swap_auc_other_identity": "  of another person",
    "shift_auc": "AUC, audio shifted by 8 to 15 frames",
}
COLUMNS = {
    "model": "model",
    "model_gated": "model, gated frames",
    "baseline": "baseline, level",
    "baseline_change": "baseline, change",
}
FEW_GROUPS = 10


def detection_table(report: dict[str, Any]) -> Table:
    """One row for each figure. Columns: all fakes, without leading silence, by segment, and each manipulation."""
    parts = {"all fakes": report}
    if "trimmed" in report:
        parts["trimmed"] = report["trimmed"]
    if "segments" in report:
        parts["segments"] = report["segments"]
    parts |= report["by_manipulation"]
    table = Table("figure", *parts, title="Detection, with 95 % intervals", box=SIMPLE_HEAD)
    for label in ("real", "fake"):
        table.add_row(f"{label} judged", *(_judged(part, label) for part in parts.values()))
    table.add_row("coverage", *(f"{part['coverage']:.1%}" for part in parts.values()))
    for name, title in DETECTION.items():
        if name in report:
            table.add_row(title, *(estimate_cell(part, name, "\n") for part in parts.values()))
    return table


def synchrony_table(report: dict[str, Any]) -> Table:
    """One row for each figure, one column for the model and one for each baseline."""
    columns = _columns(report)
    table = Table(
        "figure", *(COLUMNS[name] for name in columns), title="Synchrony, with 95 % intervals", box=SIMPLE_HEAD
    )
    table.add_row("clips measured", *(str(report[name]["clips"]) for name in columns))
    table.add_row("segments (chance)", *(_segments(report[name]) for name in columns))
    for name, title in SYNCHRONY.items():
        if any(name in report[column] for column in columns):
            table.add_row(title, *(estimate_cell(report[column], name) for column in columns))
    table.add_row("median offset, frames", *(f"{report[name]['median_offset']:+g}" for name in columns))
    return table


def notes(report: dict[str, Any]) -> Iterator[str]:
    """Yield the notes that a reader needs to interpret the table."""
    if split := report.get("split_file"):
        yield f"split of {split['corpus']}: {split['protocol']}, sha256 {split['hash'][:12]}"
    if report["protocol"] == "synchrony":
        yield f"{report['videos']} videos, {report['videos_refused']} refused, {report['videos_duplicate']} duplicates"
        unusable = (f"{report[name]['clips_unusable']} ({COLUMNS[name]})" for name in _columns(report))
        yield f"clips that are too short or have too few gated frames: {', '.join(unusable)}"
        if "baseline" in report:
            yield "the untrained baselines correlate lip aperture and audio energy, by level or by change"
    else:
        reasons = ", ".join(f"{count} {reason}" for reason, count in report["reasons"].items())
        yield f"not judged: {reasons or 'none'}; duplicates: {report['duplicates']}; unlabelled: {report['unlabelled']}"
        yield from _rivals(report)
        yield from _gaps(report)
        yield from _localization(report)
    yield from interval_notes(report)


def interval_notes(report: dict[str, Any]) -> Iterator[str]:
    """Yield how the intervals were made, and warnings if they cannot be trusted."""
    if report["bootstrap"]:
        yield f"intervals: {report['bootstrap']} resamples of {report['groups']} groups by {report['group']}"
        if report["groups"] < FEW_GROUPS:
            yield f"with only {report['groups']} groups the intervals are too narrow"
        if _without_width(report):
            yield "an interval has no width because all n items agree; by the rule of three, up to 3 / n may differ"


def _rivals(report: dict[str, Any]) -> Iterator[str]:
    """The strongest shortcut beside the detector's own AUC."""
    if strongest := next((one for one in report.get("shortcuts", []) if one["auc"] is not None), None):
        known = f"known for {strongest['coverage']:.1%} of the videos"
        beside = f"the detector has {estimate_cell(report, 'auc')}"
        yield f"strongest shortcut: {strongest['name']}, alone AUC {estimate_cell(strongest, 'auc')}, {known}; {beside}"
        if strongest["found"]:
            yield f"  real: {strongest['typical_real']}; fake: {strongest['typical_fake']}; {strongest['cure']}"


def _gaps(report: dict[str, Any]) -> Iterator[str]:
    for name, group in report["by_attribute"].items():
        if found := group["gap"]:
            alarms = f"false-positive rate {estimate_cell(found, 'fpr')} ({found['fpr_low']} to {found['fpr_high']})"
            between = f"{found['auc_low']} to {found['auc_high']}"
            yield f"gap by {name}: AUC {estimate_cell(found, 'auc')} ({between}), {alarms}"


def _localization(report: dict[str, Any]) -> Iterator[str]:
    if found := report.get("localization"):
        precision = ", ".join(f"AP@{n / 100:g} {estimate_cell(found, f'ap_{n}')}" for n in (50, 75, 95))
        recall = ", ".join(f"AR@{n} {estimate_cell(found, f'ar_{n}')}" for n in (100, 50, 20, 10))
        yield f"localization of {found['spans']} spans: {precision}; {recall}"


def _judged(part: dict[str, Any], label: str) -> str:
    return f"{part[f'judged_{label}']} of {part[label]}" if f"judged_{label}" in part else str(part[label])


def _columns(report: dict[str, Any]) -> list[str]:
    return [name for name in COLUMNS if name in report]


def _without_width(report: dict[str, Any]) -> bool:
    parts = [report, *report.get("by_manipulation", {}).values(), *(v for v in report.values() if isinstance(v, dict))]
    intervals = [ends for part in parts for name, ends in part.items() if name.endswith("_ci") and ends]
    return any(low == high for low, high in intervals)


def estimate_cell(part: dict[str, Any], name: str, between: str = " ") -> str:
    """Format a figure with its interval; "-" if it was not measured."""
    if name not in part:
        return "-"
    ends = part.get(f"{name}_ci")
    return _share(part[name]) + (f"{between}[{_share(ends[0])}, {_share(ends[1])}]" if ends else "")


def _share(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _segments(part: dict[str, Any]) -> str:
    return f"{part['segments']} ({_share(1 / part['segments'])})" if part["segments"] else "0"
