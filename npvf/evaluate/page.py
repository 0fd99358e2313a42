"""The page of an evaluation: one HTML file with everything that a reader needs to believe the numbers, or not to."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from npvf.clip import FAKE, REAL
from npvf.evaluate.video_scores import Row

FIGURES = {
    "auc": ("AUC", "a fake scores above a real in this share of pairs"),
    "average_precision": ("AP", "mean precision over recall; depends on the share of fakes"),
    "eer": ("EER", "where as many reals are accused as fakes are missed"),
    "balanced_accuracy": ("balanced accuracy", "mean of the shares of reals and of fakes called right"),
    "fpr": ("reals called fake", "at the threshold"),
    "tpr": ("fakes called fake", "at the threshold"),
    "tpr_at_fpr_1": ("TPR at 1 % FPR", "fakes found when at most one real in a hundred is accused"),
    "ece": ("calibration error", "mean distance of probability and share of fakes, 15 bins"),
    "ece_balanced": ("calibration error, balanced", "the same where both classes weigh a half"),
    "auc_all": ("AUC of all videos", "with those that were not judged"),
}
LOCALIZATION = {
    **{f"ap_{iou}": f"AP at IoU 0.{iou:g}".replace("0.50", "0.5") for iou in (50, 75, 95)},
    **{f"ar_{count}": f"AR at {count} proposals" for count in (100, 50, 20, 10)},
}
MISTAKES = 6  # of each class on the page
TRAITS = 8


def render_page(report: Mapping[str, Any], rows: Sequence[Row], plots: Sequence[Path] = ()) -> str:
    """One self-contained HTML page; the SVG files of `plots` go into it.

    Args:
        report: the content of `metrics.json` of a detection run.
        rows: the scores at the top of the report.
        plots: drawn by `write_plots`.
    """
    environment = Environment(
        loader=PackageLoader("npvf.report", "templates"),
        autoescape=True,  # names of files, people and corpora come from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=_figure, ends=_ends, share=lambda x: f"{100 * x:.1f} %")
    return environment.get_template("evaluation.html.j2").render(
        report=report,
        columns=columns(report),
        figures=FIGURES,
        localization=LOCALIZATION,
        judged=sum(row.score is not None for row in rows),
        counted=sum(row.status != "duplicate" for row in rows),
        parts=_parts(report),
        groups=report["by_attribute"],
        shortcuts=[one for one in report.get("shortcuts", []) if one["auc"] is not None][:TRAITS],
        mistakes=mistakes(rows, report["threshold"]),
        plots=[(path.stem, "data:image/svg+xml;base64," + b64encode(path.read_bytes()).decode()) for path in plots],
    )


def columns(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What stands side by side: videos and segments, with the silence that they begin with and without."""
    first = report["silence"]
    found = {f"videos, {first}": report}
    if "trimmed" in report:
        found["videos, trimmed"] = report["trimmed"]
    for name, part in list(found.items()):
        if "segments" in part:
            found[name.replace("videos", "segments")] = part["segments"]
    return {name.removesuffix(", kept"): part for name, part in found.items()}


def mistakes(rows: Sequence[Row], threshold: float) -> dict[str, list[Row]]:
    """The most confident wrong calls: reals from the highest score down, fakes from the lowest up."""
    judged = [row for row in rows if row.score is not None]
    accused = [row for row in judged if row.label == REAL and (row.score or 0.0) >= threshold]
    missed = [row for row in judged if row.label == FAKE and (row.score or 0.0) < threshold]
    return {
        "reals called fake": sorted(accused, key=lambda row: -(row.score or 0.0))[:MISTAKES],
        "fakes called real": sorted(missed, key=lambda row: row.score or 0.0)[:MISTAKES],
    }


def _parts(report: Mapping[str, Any]) -> dict[str, list[tuple[str, Mapping[str, Any], Mapping[str, Any]]]]:
    """Tables by kind of fake: (kind, its figures, its figures without silence)."""
    trimmed = report.get("trimmed", {})
    return {
        name: [(kind, part, trimmed.get(f"by_{name}", {}).get(kind, {})) for kind, part in report[f"by_{name}"].items()]
        for name in ("manipulation", "category")
        if report[f"by_{name}"]
    }


def _figure(part: Mapping[str, Any], name: str) -> str:
    return f"{part[name]:.3f}" if name in part else "–"


def _ends(part: Mapping[str, Any], name: str) -> str:
    """The interval, or nothing."""
    ends = part.get(f"{name}_ci")
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else ""
