"""The video in a report: a copy of it, the boxes of its faces frame by frame, and a timeline of the whole video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvf.clip import FPS
from npvf.detect.evidence import ClipEvidence
from npvf.detect.predictor import Predictor
from npvf.detect.verdict import Judgement
from npvf.metrics.temporal_proposals import frame_probabilities, runs
from npvf.report.charts import colour_of, leaning, smoothed
from npvf.report.lanes import lanes_of
from npvf.report.pages import data_address
from npvf.report.preview import Preview


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the overview: left edge and width in percent of the video's length."""

    left: float
    width: float
    seek: float
    colour: str
    title: str
    suspicious: bool = False


@dataclass(frozen=True, slots=True)
class OverviewLane:
    """A line of the overview: of one method for one face."""

    face: int
    name: str
    spans: list[Span]


@dataclass(frozen=True, slots=True)
class Player:
    """The player of one video.

    Attributes:
        video: the copy, as a data address.
        start, end: the seconds of the video that the copy contains.
        seconds: the length of the video.
        data: what the script needs, as JSON: the clock, and the boxes of all faces.
        lanes: the overview.
        curves: the smoothed agreement, as points of lines in a field of 1000 x 100 over the whole video.
    """

    video: str
    start: float
    end: float
    seconds: float
    data: dict[str, Any]
    lanes: list[OverviewLane]
    curves: list[str]

    @property
    def is_whole(self) -> bool:
        return self.start <= 0 and self.end >= self.seconds - 1 / FPS


def make_player(judgement: Judgement, detector: Predictor, preview: Preview) -> Player:
    """Return the player of a video that was judged."""
    return Player(
        data_address(preview.mp4, "video/mp4"),
        preview.start,
        preview.end,
        judgement.seconds,
        {"start": preview.start, "end": preview.end, "fps": FPS, "faces": _boxes(judgement)},
        overview(judgement, detector),
        [points for item in judgement.evidence for points in _curves(item, judgement.seconds)],
    )


def overview(judgement: Judgement, detector: Predictor) -> list[OverviewLane]:
    """Return a lane for each face and method, with the runs of segments of one value."""
    segments = {track.id: track.segments for track in judgement.verdict.tracks}
    found: dict[tuple[int, str], list[Span]] = {}
    for item in judgement.evidence:
        found.setdefault((item.track, "seen"), []).append(_seen(item, judgement.seconds))
        frames = round((item.span[1] - item.span[0]) * FPS)
        for lane in lanes_of(item, segments[item.track], detector):
            curve_T = frame_probabilities(lane.starts_K, lane.values_K, frames, lane.length)
            spans = found.setdefault((item.track, lane.name), [])
            for state, suspicious in ((curve_T >= lane.threshold, True), (curve_T < lane.threshold, False)):
                for a, b in runs(state):
                    p = float(np.max(curve_T[a:b])) if suspicious else float(np.mean(curve_T[a:b]))
                    title = f"{lane.meaning} {p:.2f}"
                    colour = colour_of(leaning(p, lane.threshold))
                    spans.append(_span(item, (a, b), judgement.seconds, colour, title, suspicious))
    return [
        OverviewLane(face, name, spans) for (face, name), spans in sorted(found.items(), key=lambda lane: lane[0][0])
    ]


def _seen(item: ClipEvidence, seconds: float) -> Span:
    return _span(item, (0, round((item.span[1] - item.span[0]) * FPS)), seconds, "", "the face is seen")


def _span(
    item: ClipEvidence, frames: tuple[int, int], seconds: float, colour: str, title: str, suspicious: bool = False
) -> Span:
    start, end = (item.span[0] + frame / FPS for frame in frames)
    scale = 100 / max(seconds, item.span[1], 1 / FPS)
    text = f"{start:.2f}\u2013{end:.2f} s: {title}"
    return Span(round(start * scale, 2), round((end - start) * scale, 2), round(start, 3), colour, text, suspicious)


def _curves(item: ClipEvidence, seconds: float) -> list[str]:
    if item.scored is None:
        return []
    smooth_T = smoothed(item.scored.agreement_T, item.scored.compared_T)
    scale = 1000 / max(seconds, item.span[1], 1 / FPS)
    lines = []
    for a, b in runs(np.isfinite(smooth_T)):
        points = [(item.span[0] + (t + 0.5) / FPS, float(smooth_T[t])) for t in range(a, b)]
        lines.append(" ".join(f"{time * scale:.1f},{50 - 50 * value:.1f}" for time, value in points))
    return lines


def _boxes(judgement: Judgement) -> list[dict[str, Any]]:
    """Return the boxes of each clip: its face, its first frame, and x, y, width, height in shares of the frame."""
    width, height = judgement.size
    known: Sequence[ClipEvidence] = [item for item in judgement.evidence if item.boxes_T4 is not None]
    if not (width and height):
        return []
    found = []
    for item in known:
        assert item.boxes_T4 is not None
        x0_T, y0_T, x1_T, y1_T = np.clip(item.boxes_T4 / (width, height, width, height), 0, 1).T
        boxes_T4 = np.stack([x0_T, y0_T, x1_T - x0_T, y1_T - y0_T], axis=1).round(4)
        found.append({"face": item.track, "first": round(item.span[0] * FPS), "boxes": boxes_T4.tolist()})
    return found
