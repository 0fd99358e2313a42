"""ROC, DET and calibration of a detector, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.stats import norm

from npvf.errors import MissingDependency
from npvf.evaluate.ratio_metrics import Ratios
from npvf.evaluate.video_scores import Scores
from npvf.metrics.detection import auc, eer, roc_curve
from npvf.metrics.likelihood import cllr, tippett
from npvf.metrics.reliability import balancing_weights, reliability_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#2667b2", "#c95214", "#7a8b99", "#c9a227")  # told apart by colour-blind eyes, and in grey
STYLES = ("-", "--", "-", "--")
DET_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
DET_REACH = (0.0007, 0.993)
BINS = 10  # fewer than ECE has: each dot should stand on some videos


class Series(NamedTuple):
    """One line of a plot: scores (N,) with their labels (N,), both classes."""

    scores: np.ndarray
    labels: np.ndarray


def series_of(kept: Scores | None, trimmed: Scores | None) -> dict[str, Series]:
    """The lines of a run's plots: videos and segments, whole and trimmed. One without both classes is left out."""
    found: dict[str, Series] = {}
    for level in ("rows", "segments"):
        for scores, suffix in ((kept, ""), (trimmed, ", trimmed")):
            items = [item for item in getattr(scores, level, []) if item.score is not None]
            labels = np.array([item.label for item in items])
            if len(set(labels.tolist())) == 2:
                name = ("videos" if level == "rows" else "segments") + suffix
                found[name] = Series(np.array([item.score for item in items]), labels)
    return found


def need_matplotlib() -> None:
    """Raises MissingDependency where nothing can be drawn: better before the work than after it."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingDependency(
            "plots need matplotlib: pip install 'npvf[evaluate]', or leave them out with --no-plots"
        ) from error


def write_plots(series: Mapping[str, Series], folder: Path, ratios: Mapping[str, Ratios] | None = None) -> list[Path]:
    """Write `roc`, `det`, `calibration` and, with `ratios`, `tippett` as SVG and PNG; return the SVG files.

    The same scores give the same bytes.
    """
    import matplotlib

    drawn: dict[str, Callable[[Mapping[str, Series]], Figure]] = {
        "roc": draw_roc,
        "det": draw_det,
        "calibration": draw_calibration,
    }
    if ratios:
        drawn["tippett"] = lambda _: draw_tippett(ratios)
    paths = []
    with matplotlib.rc_context(
        {"svg.hashsalt": "npvf", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    ):
        for name, draw in drawn.items():
            figure = draw(series)
            svg = folder / f"{name}.svg"
            figure.savefig(svg, metadata={"Date": None})
            figure.savefig(svg.with_suffix(".png"), dpi=150)
            paths.append(svg)
    return paths


def draw_roc(series: Mapping[str, Series]) -> Figure:
    """Fakes found against reals accused, with the line of 1 % false alarms."""
    figure, axes = _blank("reals called fake", "fakes called fake", "ROC")
    axes.plot([0, 1], [0, 1], color="#b9b5ac", linewidth=0.8, linestyle=":")
    axes.axvline(0.01, color="#b9b5ac", linewidth=0.8)
    for n, (name, (scores, labels)) in enumerate(series.items()):
        curve = roc_curve(scores, labels)
        axes.plot(curve.fpr, curve.tpr, label=f"{name}: AUC {auc(scores, labels):.3f}", **_line(n))
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.legend(loc="lower right", frameon=False)
    return figure


def draw_det(series: Mapping[str, Series]) -> Figure:
    """Fakes missed against reals accused on normal-deviate axes (Martin et al. 1997), where small errors have room."""
    figure, axes = _blank("reals called fake", "fakes missed", "DET")
    ends = norm.ppf(DET_REACH)
    for n, (name, (scores, labels)) in enumerate(series.items()):
        curve = roc_curve(scores, labels)
        x, y = (norm.ppf(np.clip(rate, *DET_REACH)) for rate in (curve.fpr, 1 - curve.tpr))
        axes.plot(x, y, label=f"{name}: EER {eer(scores, labels):.1%}", **_line(n))
    axes.plot(ends, ends, color="#b9b5ac", linewidth=0.8, linestyle=":")
    places, names = norm.ppf(DET_TICKS), [f"{100 * tick:g} %" for tick in DET_TICKS]
    axes.set_xticks(places, names, rotation=45)
    axes.set_yticks(places, names)
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    axes.legend(loc="upper right", frameon=False)
    return figure


def draw_calibration(series: Mapping[str, Series]) -> Figure:
    """Share of fakes at each probability of fake, both classes weighing a half; above the diagonal: too careful."""
    figure, axes = _blank("probability of fake", "share of fakes (classes weigh the same)", "Calibration")
    axes.plot([0, 1], [0, 1], color="#b9b5ac", linewidth=0.8, linestyle=":")
    for n, (name, (scores, labels)) in enumerate(series.items()):
        curve = reliability_curve(scores, labels, balancing_weights(labels), BINS)
        filled = curve.count > 0
        size = 8 + 120 * curve.count[filled]  # the weights of all sum to 1
        axes.plot(curve.probability[filled], curve.rate[filled], label=name, **_line(n))
        axes.scatter(curve.probability[filled], curve.rate[filled], s=size, color=COLOURS[n], zorder=3)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    axes.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")
    return figure


def draw_tippett(ratios: Mapping[str, Ratios]) -> Figure:
    """Share of fakes (solid) and of reals (dotted) whose likelihood ratio is at least a value.

    The curves should be far apart at 0. Beyond it, on the right of reals and on the left of fakes, is what misleads.
    """
    figure, axes = _blank("log10 of the likelihood ratio", "share with at least this ratio", "Tippett")
    axes.axvline(0, color="#b9b5ac", linewidth=0.8)
    for n, (name, (values_N, labels_N)) in enumerate(ratios.items()):
        curve = tippett(values_N, labels_N)
        colour = COLOURS[n % len(COLOURS)]
        label = f"{name}: Cllr {cllr(values_N, labels_N):.2f}"
        axes.step(curve.log10_lr, curve.first, where="pre", color=colour, linewidth=1.8, label=label)
        axes.step(curve.log10_lr, curve.second, where="pre", color=colour, linewidth=1.8, linestyle=":")
    axes.set(ylim=(-0.01, 1.01))
    axes.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")
    return figure


def _blank(x: str, y: str, title: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x, ylabel=y)
    axes.set_title(title, loc="left", fontweight="bold")
    return figure, axes


def _line(n: int) -> dict[str, Any]:
    return {"color": COLOURS[n], "linestyle": STYLES[n], "linewidth": 1.8}
