"""The geometry of what a report shows of forged pixels: their area over time, and what each method contributes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from npvf.clip import FPS, PartVerdict
from npvf.detect.heatmaps import COLOURS
from npvf.report.charts import LEFT, WIDTH

AREA_HEIGHT = 54
REACH = 190.0  # pixels of a bar for the larger contribution


@dataclass(frozen=True, slots=True)
class AreaChart:
    """The forged share of a face over one clip: SVG points of a filled curve in a field of `AREA_HEIGHT` pixels."""

    points: str
    end: float
    start_s: float  # seconds of the video at `LEFT`
    end_s: float
    scale: float  # pixels of a second
    top: int  # percent at the upper edge
    ticks: list[tuple[float, str]]
    worst: float  # x of the frame that shows most


@dataclass(frozen=True, slots=True)
class PartBar:
    """The contribution of one method to the log-odds: a bar to the right is towards fake."""

    part: PartVerdict
    x: float
    width: float


def area_chart(area_T: np.ndarray, worst: int, start: float) -> AreaChart:
    """The chart of a clip that begins at `start` seconds of its video."""
    frames = len(area_T)
    scale = (WIDTH - LEFT - 12) / max(frames, 2 * FPS)  # as the chart of agreement: short clips do not fill the row
    top = max(10, 10 * ceil(10 * float(area_T.max())))
    heights_T = AREA_HEIGHT * (1 - 100 * area_T / top)
    curve = [f"{LEFT + (t + 0.5) * scale:.1f},{y:.1f}" for t, y in enumerate(heights_T.tolist())]
    first, last = f"{LEFT + 0.5 * scale:.1f},{AREA_HEIGHT}", f"{LEFT + (frames - 0.5) * scale:.1f},{AREA_HEIGHT}"
    step = 1.0 if frames <= 8 * FPS else 5.0
    times = np.arange(ceil(start / step - 1e-6), int((start + frames / FPS) / step + 1e-6) + 1) * step
    ticks = [(round(LEFT + (t - start) * FPS * scale, 1), f"{t:g} s") for t in times.tolist()]
    end, middle = LEFT + frames * scale, LEFT + (worst + 0.5) * scale
    clock = start, start + frames / FPS, scale * FPS
    return AreaChart(" ".join([first, *curve, last]), round(end, 1), *clock, top, ticks, round(middle, 1))


def part_bars(parts: list[PartVerdict]) -> list[PartBar]:
    """Bars on one scale, their zero at `REACH`."""
    largest = max((abs(part.contribution) for part in parts), default=0.0) or 1.0
    widths = [REACH * part.contribution / largest for part in parts]
    return [PartBar(p, round(REACH + min(w, 0.0), 1), round(abs(w), 1)) for p, w in zip(parts, widths, strict=True)]


def gradient() -> str:
    """The heat-map's colours as CSS has them, from faint to certain."""
    return "linear-gradient(90deg, " + ", ".join(f"rgb{colour}" for colour in COLOURS) + ")"
