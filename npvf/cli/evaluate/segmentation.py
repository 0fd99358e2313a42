"""The table and notes of `npvf evaluate CORPUS --localizer DIR`: forged pixels and forged videos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from npvf.cli.evaluate.tables import estimate_cell, interval_notes

VIDEO = {
    "auc": "AUC",
    "auc_within_originals": "  forgery against its original",
    "f1": "F1",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
}
PIXEL = {
    "auc": "AUC, mean over forged frames",
    "f1": "F1",
    "iou": "IoU",
    "fpr": "false-positive rate, all frames",
    "fpr_genuine": "  frames without forged pixels",
    "auc_pooled": "AUC, all pixels pooled",
    "iou_pooled": "IoU, pooled",
}


def localization_table(report: dict[str, Any]) -> Table:
    """One row for each figure; one column for all forgeries and one for each manipulation, against all real videos."""
    parts = {"all forgeries": report, **report["by_manipulation"]}
    table = Table("figure", *parts, title="Localization, with 95 % intervals", box=SIMPLE_HEAD)
    for label in ("real", "fake"):
        counts = (f"{part['video'][f'judged_{label}']} of {part['video'][label]}" for part in parts.values())
        table.add_row(f"{label} videos judged", *counts)
    for name, title in VIDEO.items():
        table.add_row(title, *(estimate_cell(part["video"], name, "\n") for part in parts.values()))
    table.add_section()
    table.add_row("forged frames with a mask", *(str(part["pixel"]["forged_frames"]) for part in parts.values()))
    for name, title in PIXEL.items():
        table.add_row(title, *(estimate_cell(part["pixel"], name, "\n") for part in parts.values()))
    return table


def localization_notes(report: dict[str, Any]) -> Iterator[str]:
    """Yield the notes that a reader needs to interpret the table."""
    pixel = report["pixel"]
    reasons = ", ".join(f"{count} {reason}" for reason, count in report["reasons"].items())
    yield f"not judged: {reasons or 'none'}; duplicates: {report['duplicates']}; unlabelled: {report['unlabelled']}"
    yield (
        f"pixels: {pixel['frames']} full frames of {pixel['videos']} videos, {pixel['genuine_frames']} of them without "
        f"a forged pixel; {pixel['without_mask']} forgeries without a known mask are not included"
    )
    yield from interval_notes(report)
    yield f"thresholds: videos {report['threshold']:.2f}, pixels {report['mask_threshold']:.2f}"
