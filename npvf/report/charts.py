"""The geometry of a report's charts: agreement, segments and phones of one clip over one time axis, in rows.

Everything is drawn on the clock of the video: a phone is drawn where the lips should say it, which is `offset_s` away
from the time at which it is heard if an offset was corrected. Units are pixels; the template draws. Drawn here, as
reports belong to the core, which has no matplotlib, and each box has a label and a title of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

import numpy as np
from scipy.ndimage import gaussian_filter1d

from npvf.clip import FPS, Phone, PhoneEvidence
from npvf.detect.evidence import SILENCE, ClipEvidence
from npvf.metrics.temporal_proposals import frame_probabilities, runs
from npvf.report.lanes import Lane

WIDTH = 720
LEFT = 66  # x of the start of the time axis
RIGHT = 10  # pixels free on the right
ROW_SECONDS = 4.0  # longest row: a phone of 60 ms has 10 pixels
CURVE_HEIGHT = 96
LETTER = 6.4  # width of a letter of a label
SMOOTHING_FRAMES = 1.5
FULL = 0.5  # the agreement, positive or negative, with the full colour
_DARK = 0.6  # a colour so far from grey needs a light label
AGAINST, NEUTRAL, FOR = (201, 82, 20), (232, 230, 225), (38, 103, 178)  # orange, grey, blue: safe for colour-blind eyes


@dataclass(frozen=True, slots=True)
class TimeBox:
    """A coloured span of time."""

    x: float
    width: float
    colour: str
    title: str
    seek: float  # seconds of the video to which a click jumps
    label: str = ""
    line: int = 0  # of the label of a phone: 0 inside its box, 1 and 2 below, -1 only in the title
    critical: bool = False
    suspicious: bool = False
    dark: bool = False  # True if the label has to be light

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


@dataclass(slots=True)
class ChartRow:
    """A part of a clip, at most `ROW_SECONDS` long. Curves are SVG points in a field of `CURVE_HEIGHT` pixels."""

    end: float  # x at which the row ends
    start_s: float  # seconds of the video at `LEFT`
    end_s: float
    scale: float  # pixels of a second
    ticks: list[tuple[float, str]] = field(default_factory=list)
    greyed: list[tuple[float, float]] = field(default_factory=list)  # x and width of spans that were not compared
    faint: list[str] = field(default_factory=list)  # agreement frame by frame
    bold: list[str] = field(default_factory=list)  # smoothed, where compared
    lanes: list[tuple[str, list[TimeBox]]] = field(default_factory=list)
    sounds: list[TimeBox] = field(default_factory=list)
    compared: bool = True  # False: lips and audio were not compared, and there are lanes alone


@dataclass(frozen=True, slots=True)
class _Axis:
    """Frames [first, last) of a clip on a row; `scale` is pixels a frame."""

    first: int
    last: int
    scale: float

    def x(self, frame: float) -> float:
        return round(LEFT + (frame - self.first) * self.scale, 1)

    def span(self, first: float, last: float) -> tuple[float, float] | None:
        """Return x and width of the part of [first, last) in the row; None if it is empty."""
        first, last = max(first, self.first), min(last, self.last)
        return (self.x(first), round((last - first) * self.scale, 1)) if last > first else None


def chart_rows(item: ClipEvidence, lanes: Sequence[Lane], critical: frozenset[str]) -> list[ChartRow]:
    """Return the chart of one clip; no rows if nothing in it was judged over time.

    Args:
        item: the clip with its scores.
        lanes: its segments, by method.
        critical: the phones that are marked as critical.
    """
    scored = item.scored
    if scored is None and not lanes:
        return []
    frames = round((item.span[1] - item.span[0]) * FPS) if scored is None else len(scored.agreement_T)
    edges = np.linspace(0, frames, ceil(frames / (ROW_SECONDS * FPS)) + 1).round().astype(int).tolist()
    # Rows of one clip share a scale; a clip of less than two seconds does not fill its row.
    scale = (WIDTH - LEFT - RIGHT) / max(edges[1], 2 * FPS)
    curves = [frame_probabilities(lane.starts_K, lane.values_K, frames, lane.length) for lane in lanes]
    rows = []
    for first, last in pairwise(edges):
        axis = _Axis(first, last, scale)
        start_s, end_s = item.span[0] + first / FPS, item.span[0] + last / FPS
        row = ChartRow(axis.x(last), start_s, end_s, scale * FPS, _ticks(axis, item.span[0]))
        for lane, curve_T in zip(lanes, curves, strict=True):
            row.lanes.append((lane.name, _lane_boxes(axis, curve_T, item.span[0], lane)))
        row.compared = scored is not None
        if scored is not None:
            _draw_agreement(row, axis, scored.agreement_T, scored.compared_T)
            row.sounds = _sound_boxes(axis, item, critical)
        rows.append(row)
    return rows


def _draw_agreement(row: ChartRow, axis: _Axis, agreement_T: np.ndarray, compared_T: np.ndarray) -> None:
    frames_T = np.arange(len(agreement_T))
    inside_T = (frames_T >= axis.first) & (frames_T < axis.last)
    smooth_T = smoothed(agreement_T, compared_T)
    row.greyed = [box for a, b in runs(~compared_T) if (box := axis.span(a, b))]
    row.faint = _lines(axis, agreement_T, inside_T & np.isfinite(agreement_T))
    row.bold = _lines(axis, smooth_T, inside_T & np.isfinite(smooth_T))


def smoothed(agreement_T: np.ndarray, compared_T: np.ndarray) -> np.ndarray:
    """A Gaussian mean over the compared frames alone; NaN elsewhere."""
    used_T = (compared_T & np.isfinite(agreement_T)).astype(float)
    weight_T = gaussian_filter1d(used_T, SMOOTHING_FRAMES, mode="constant")
    total_T = gaussian_filter1d(np.where(used_T > 0, agreement_T, 0.0), SMOOTHING_FRAMES, mode="constant")
    return np.divide(total_T, weight_T, out=np.full(len(used_T), np.nan), where=used_T > 0)


def y_of(agreement: float) -> float:
    """Return the y of an agreement: 1 is at the top of the curve's field, -1 at the bottom."""
    return round((1 - agreement) / 2 * CURVE_HEIGHT, 1)


def colour_of(x: float) -> str:
    """Return the colour of a value: -1 is orange, 0 is grey, 1 is blue."""
    x = float(np.clip(x, -1, 1))
    end = FOR if x > 0 else AGAINST
    red, green, blue = (round(n + abs(x) * (e - n)) for n, e in zip(NEUTRAL, end, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"


def leaning(probability: float, threshold: float) -> float:
    """A probability of fake as `colour_of` takes it: 1 for 0, 0 at the threshold, -1 for 1."""
    reach = 1 - threshold if probability >= threshold else threshold
    return (threshold - probability) / max(reach, 1e-9)


def _ticks(axis: _Axis, start: float) -> list[tuple[float, str]]:
    """Return the x and the label of each quarter, half or whole second of the video."""
    step = next(s for s in (0.25, 0.5, 1.0) if s * FPS * axis.scale >= 70 or s == 1.0)
    first, last = start + axis.first / FPS, start + axis.last / FPS
    times = np.arange(ceil(first / step - 1e-6), int(last / step + 1e-6) + 1) * step
    return [(axis.x((t - start) * FPS), _clock(t)) for t in times.tolist()]


def _clock(time: float) -> str:
    """`0.25 s`, or `1:04.5` from a minute on."""
    minutes, rest = divmod(round(time, 2), 60)
    return f"{minutes:.0f}:{rest:05.2f}".removesuffix("0").removesuffix(".0") if minutes else f"{rest:g} s"


def _lines(axis: _Axis, values_T: np.ndarray, shown_T: np.ndarray) -> list[str]:
    """SVG points through the middles of frames, a line for each run; a run of one frame is a dash as wide as it."""
    lines = []
    for a, b in runs(shown_T):
        points = [(t + 0.5, values_T[t]) for t in range(a, b)]
        if b - a == 1:
            points = [(a + 0.2, values_T[a]), (a + 0.8, values_T[a])]
        lines.append(" ".join(f"{axis.x(t)},{y_of(float(value))}" for t, value in points))
    return lines


def _lane_boxes(axis: _Axis, per_frame_T: np.ndarray, start: float, lane: Lane) -> list[TimeBox]:
    """Runs of frames of one probability."""
    boxes = []
    changes = np.flatnonzero(np.diff(np.nan_to_num(per_frame_T, nan=-1.0))) + 1
    edges = [0, *changes.tolist(), len(per_frame_T)]
    for a, b in pairwise(edges):
        place = axis.span(a, b)
        if place is None or np.isnan(per_frame_T[a]):
            continue
        p = float(per_frame_T[a])
        title = f"{start + a / FPS:.2f}\u2013{start + b / FPS:.2f} s: {lane.meaning} {p:.2f}"
        label = f"{p:.2f}" if place[1] >= 30 else ""
        lean = leaning(p, lane.threshold)
        seek = start + max(a, axis.first) / FPS
        suspicious = p >= lane.threshold
        dark = abs(lean) > _DARK
        boxes.append(TimeBox(*place, colour_of(lean), title, seek, label, suspicious=suspicious, dark=dark))
    return boxes


def _sound_boxes(axis: _Axis, item: ClipEvidence, critical: frozenset[str]) -> list[TimeBox]:
    met = {s.start: s for s in item.sounds}
    boxes: list[TimeBox] = []
    taken = [0.0, 0.0, 0.0]  # x up to which each line of labels is full
    for p in item.phones.items:
        seen = (p.start - item.offset_s) * FPS, (p.end - item.offset_s) * FPS
        place = axis.span(*seen)
        if place is None or p.phone == SILENCE:
            continue
        evidence = met.get(item.span[0] + p.start)
        lean = evidence.agreement / FULL if evidence else 0.0
        boxes.append(
            TimeBox(
                *place,
                colour_of(lean),
                _sound_title(p, item, evidence, p.phone in critical),
                round(item.span[0] + max(0.0, sum(seen)) / 2 / FPS, 3),
                p.phone,
                _label_line(place, p.phone, taken),
                p.phone in critical,
                dark=abs(lean) > _DARK,
            )
        )
    return boxes


def _label_line(place: tuple[float, float], label: str, taken: list[float]) -> int:
    """The first line that has room: inside the box, below it, further below."""
    half = LETTER * len(label) / 2
    middle = place[0] + place[1] / 2
    if place[1] >= 2 * half + 2:
        return 0
    for line in (1, 2):
        if middle - half >= taken[line] + 2:
            taken[line] = middle + half
            return line
    return -1


def _sound_title(phone: Phone, item: ClipEvidence, evidence: PhoneEvidence | None, critical: bool) -> str:
    start, end = item.span[0] + phone.start, item.span[0] + phone.end
    met = f"agreement {evidence.agreement:+.2f}" if evidence else "no frame to compare with"
    return f"{phone.phone}, heard at {start:.2f}\u2013{end:.2f} s: {met}" + (", critical" if critical else "")
