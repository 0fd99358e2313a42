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

from npvf.clip import FPS, SEGMENT_FRAMES, Phone, PhoneEvidence, SegmentVerdict
from npvf.detect.evidence import SILENCE, ClipEvidence
from npvf.metrics.temporal_proposals import frame_probabilities, runs

WIDTH = 1000
LEFT = 52  # x of the start of the time axis
ROW_SECONDS = 5.0  # longest row: a phone of 60 ms has 11 pixels
CURVE_HEIGHT = 110
LETTER = 6.2  # width of a letter of a label
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
    label: str = ""
    line: int = 0  # of the label of a phone: 0 inside its box, 1 and 2 below, -1 only in the title
    critical: bool = False
    dark: bool = False  # True if the label has to be light

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


@dataclass(slots=True)
class ChartRow:
    """A part of a clip, at most `ROW_SECONDS` long. Curves are SVG points in a field of `CURVE_HEIGHT` pixels."""

    end: float  # x at which the row ends
    ticks: list[tuple[float, str]] = field(default_factory=list)
    greyed: list[tuple[float, float]] = field(default_factory=list)  # x and width of spans that were not compared
    faint: list[str] = field(default_factory=list)  # agreement frame by frame
    bold: list[str] = field(default_factory=list)  # smoothed, where compared
    segments: list[TimeBox] = field(default_factory=list)
    sounds: list[TimeBox] = field(default_factory=list)


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


def chart_rows(
    item: ClipEvidence, segments: Sequence[SegmentVerdict], critical: frozenset[str], threshold: float
) -> list[ChartRow]:
    """Return the chart of one judged clip.

    Args:
        item: the clip with its scores.
        segments: the segments of its track.
        critical: the phones that are marked as critical.
        threshold: the probability of fake at which the colour of a segment changes.
    """
    scored = item.scored
    if scored is None:
        raise ValueError("a face that was not judged has no chart")
    frames = len(scored.agreement_T)
    count = ceil(frames / (ROW_SECONDS * FPS))
    smooth_T = smoothed(scored.agreement_T, scored.gate_T)
    starts_K = np.array([round((s.start - item.span[0]) * FPS) for s in segments], int)
    here_K = (starts_K >= 0) & (starts_K < frames)  # the others are of another piece of the track
    values_K = np.array([s.fake_probability for s in segments])
    per_frame_T = frame_probabilities(starts_K[here_K], values_K[here_K], frames, SEGMENT_FRAMES)
    met = {s.start: s for s in item.sounds}
    edges = np.linspace(0, frames, count + 1).round().astype(int).tolist()
    rows = []
    for first, last in pairwise(edges):
        # Rows of one clip share a scale; a clip of less than two seconds does not fill its row.
        axis = _Axis(first, last, (WIDTH - LEFT - 12) / max(edges[1], 2 * FPS))
        row = ChartRow(end=axis.x(last), ticks=_ticks(axis, item.span[0]))
        row.greyed = [box for a, b in runs(~scored.gate_T) if (box := axis.span(a, b))]
        inside_T = (np.arange(frames) >= first) & (np.arange(frames) < last)
        row.faint = _lines(axis, scored.agreement_T, inside_T & np.isfinite(scored.agreement_T))
        row.bold = _lines(axis, smooth_T, inside_T & np.isfinite(smooth_T))
        row.segments = _segment_boxes(axis, per_frame_T, item.span[0], threshold)
        row.sounds = _sound_boxes(axis, item, met, critical)
        rows.append(row)
    return rows


def smoothed(agreement_T: np.ndarray, gate_T: np.ndarray) -> np.ndarray:
    """A Gaussian mean over the compared frames alone; NaN elsewhere."""
    used_T = (gate_T & np.isfinite(agreement_T)).astype(float)
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


def _segment_boxes(axis: _Axis, per_frame_T: np.ndarray, start: float, threshold: float) -> list[TimeBox]:
    """Runs of frames of one probability."""
    boxes = []
    changes = np.flatnonzero(np.diff(np.nan_to_num(per_frame_T, nan=-1.0))) + 1
    edges = [0, *changes.tolist(), len(per_frame_T)]
    for a, b in pairwise(edges):
        place = axis.span(a, b)
        if place is None or np.isnan(per_frame_T[a]):
            continue
        p = float(per_frame_T[a])
        title = f"{start + a / FPS:.2f}\u2013{start + b / FPS:.2f} s: probability of fake {p:.2f}"
        label = f"{p:.2f}" if place[1] >= 30 else ""
        lean = leaning(p, threshold)
        boxes.append(TimeBox(*place, colour_of(lean), title, label, dark=abs(lean) > _DARK))
    return boxes


def _sound_boxes(
    axis: _Axis, item: ClipEvidence, met: dict[float, PhoneEvidence], critical: frozenset[str]
) -> list[TimeBox]:
    boxes: list[TimeBox] = []
    taken = [0.0, 0.0, 0.0]  # x up to which each line of labels is full
    for p in item.phones.items:
        place = axis.span((p.start - item.offset_s) * FPS, (p.end - item.offset_s) * FPS)
        if place is None or p.phone == SILENCE:
            continue
        evidence = met.get(item.span[0] + p.start)
        lean = evidence.agreement / FULL if evidence else 0.0
        line = _label_line(place, p.phone, taken)
        boxes.append(
            TimeBox(
                *place,
                colour_of(lean),
                _sound_title(p, item, evidence, p.phone in critical),
                p.phone,
                line,
                p.phone in critical,
                abs(lean) > _DARK,
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
