"""The results of `npvf robustness`: a CSV file, a Markdown table, curves, and one HTML page with all of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npvf.evaluate.plots import need_matplotlib
from npvf.evaluate.robustness import CLEAN, Result, RobustnessRecord
from npvf.metrics.bootstrap import FEW_GROUPS
from npvf.perturb import GROUPS
from npvf.report.pages import data_address, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "picture": "Video",
    "sound": "Audio",
    "both": "Video and audio",
    "routes": "Social networks (our approximation of them)",
}
_BLUE, _GREY = "#2667b2", "#b9b5ac"
_COLUMNS = 4


def write_results(results: Sequence[Result], record: RobustnessRecord, out: Path, plots: bool = True) -> list[Path]:
    """`robustness.csv`, `.md`, `.html` and, for each group, `<group>.svg` and `.png`; the paths of all.

    Raises MissingDependency where `plots` are wanted without matplotlib.
    """
    out.mkdir(parents=True, exist_ok=True)
    curves = write_curves(results, out) if plots else {}
    table = out / "robustness.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Result)])
        writer.writeheader()
        writer.writerows(_rounded(asdict(result)) for result in results)
    markdown, page = out / "robustness.md", out / "robustness.html"
    markdown.write_text(markdown_table(results), encoding="utf-8")
    page.write_text(render_page(results, record, curves), encoding="utf-8")
    drawings = [path for svg in curves.values() for path in (svg, svg.with_suffix(".png"))]
    return [table, markdown, page, *drawings]


def markdown_table(results: Sequence[Result]) -> str:
    """One row a condition."""
    lines = ["| condition | perturbation | AUC [95 %] | judged | AUC of all |", "|---|---|---|---|---|"]
    for result in results:
        share = f"{result.judged_real + result.judged_fake} of {result.real + result.fake}"
        lines.append(
            f"| {result.condition} | {result.description} | {auc_cell(result)} | {share} | {_value(result.auc_all)} |"
        )
    return "\n".join(lines) + "\n"


def auc_cell(result: Result) -> str:
    """`0.931 [0.880, 0.962]`, or why there is none."""
    if result.auc is None:
        return f"none ({result.judged_real} real and {result.judged_fake} fake judged)"
    if result.auc_low is None or result.auc_high is None:
        return _value(result.auc)
    return f"{_value(result.auc)} [{_value(result.auc_low)}, {_value(result.auc_high)}]"


def render_page(results: Sequence[Result], record: RobustnessRecord, curves: dict[str, Path]) -> str:
    """One self-contained HTML page."""
    return render(
        "robustness",
        {"auc": auc_cell, "auc_value": _value},
        few_groups=FEW_GROUPS,
        name=f"{len(results) - 1} conditions",
        clean=next(result for result in results if result.kind == CLEAN),
        worst=min((r for r in results if r.kind != CLEAN), key=lambda r: r.auc_all, default=None),
        groups=[
            (TITLES[group], [r for r in results if r.group == group], _drawing(curves.get(group)))
            for group in GROUPS
            if any(r.group == group for r in results)
        ],
        record=record,
    )


def write_curves(results: Sequence[Result], out: Path) -> dict[str, Path]:
    """Group -> its SVG file; a PNG file stands beside it."""
    need_matplotlib()
    import matplotlib

    paths: dict[str, Path] = {}
    with matplotlib.rc_context(
        {"svg.hashsalt": "npvf", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    ):
        for group in GROUPS:
            chosen = [result for result in results if result.group == group]
            if chosen:
                clean = next(result for result in results if result.kind == CLEAN)
                figure = _draw_routes(chosen, clean) if group == "routes" else _draw_levels(chosen, clean)
                paths[group] = out / f"{group}.svg"
                figure.savefig(paths[group], metadata={"Date": None})
                figure.savefig(paths[group].with_suffix(".png"), dpi=130)
    return paths


def _draw_levels(results: Sequence[Result], clean: Result) -> Figure:
    """A panel for each perturbation: AUC over its levels, clean first, with its interval; grey: the judged share."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(result.kind for result in results))
    rows = -(-len(kinds) // _COLUMNS)
    figure = Figure(figsize=(2.6 * _COLUMNS, 2.3 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False, sharey=True).ravel()
    for axes, kind in zip(panels, kinds, strict=False):
        own = [clean, *sorted((r for r in results if r.kind == kind), key=lambda r: r.level)]
        levels = [result.level for result in own]
        axes.plot(levels, [result.coverage for result in own], color=_GREY, linewidth=1.2)
        _plot_auc(axes, levels, own)
        axes.set_title(kind.replace("_", " "), fontsize=10)
        axes.set_xticks(levels, ["clean" if level == 0 else str(level) for level in levels])
    for axes in panels[len(kinds) :]:
        axes.set_axis_off()
    figure.supylabel("AUC with 95 % interval; grey: judged share", fontsize=9)
    return figure


def _draw_routes(results: Sequence[Result], clean: Result) -> Figure:
    from matplotlib.figure import Figure

    own = [clean, *results]
    figure = Figure(figsize=(1.15 * len(own) + 1.5, 3.0), layout="constrained")
    axes = figure.subplots()
    places = list(range(len(own)))
    axes.bar(places, [result.coverage for result in own], 0.7, color=_GREY, alpha=0.35, label="judged share")
    _plot_auc(axes, places, own, joined=False)
    axes.set_xticks(places, [result.kind.replace("_", "\n") for result in own])
    axes.set_ylabel("AUC with 95 % interval")
    return figure


def _plot_auc(axes: Axes, places: Sequence[int], results: Sequence[Result], joined: bool = True) -> None:
    """AUC with its interval; nothing is drawn for a condition in which a class was not judged."""
    axes.axhline(0.5, color=_GREY, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 1.03)
    known = [(x, r, r.auc) for x, r in zip(places, results, strict=True) if r.auc is not None]
    down = [auc - (r.auc_low if r.auc_low is not None else auc) for _, r, auc in known]
    up = [(r.auc_high if r.auc_high is not None else auc) - auc for _, r, auc in known]
    axes.errorbar(
        [x for x, _, _ in known],
        [auc for _, _, auc in known],
        [[max(0.0, d) for d in down], [max(0.0, u) for u in up]],
        color=_BLUE,
        marker="o",
        markersize=3.5,
        linestyle="-" if joined else "none",
        linewidth=1.4,
        elinewidth=0.9,
        capsize=2,
    )


def _drawing(svg: Path | None) -> str | None:
    return None if svg is None else data_address(svg.read_bytes(), "image/svg+xml")


def _value(auc: float | None) -> str:
    return "none" if auc is None else f"{auc:.3f}"


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
