"""The report on videos: one HTML file that an analyst can read, print and keep."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from npvf.clip import FPS, PhoneEvidence, TrackVerdict
from npvf.detect.evidence import MOUTHS, ClipEvidence
from npvf.detect.findings import QUESTIONS, evidence_text
from npvf.detect.likelihood import SCALE
from npvf.detect.predictor import Predictor
from npvf.detect.verdict import Judgement
from npvf.report.charts import CURVE_HEIGHT, FULL, LEFT, WIDTH, ChartRow, chart_rows, colour_of, leaning, y_of
from npvf.report.mask_charts import AREA_HEIGHT, REACH, AreaChart, area_chart, gradient, part_bars
from npvf.report.pages import data_address, render
from npvf.version import __version__

JPEG = "image/jpeg"
SOUNDS = MOUTHS  # rows of the table of suspicious phones, each with a mouth

# A word for each phone, for readers who do not know ARPAbet.
EXAMPLES = {
    **{"aa": "father", "ae": "cat", "ah": "cup", "ao": "law", "aw": "cow", "ay": "my", "eh": "bed", "er": "bird"},
    **{"ey": "day", "ih": "sit", "iy": "see", "ow": "go", "oy": "boy", "uh": "book", "uw": "food"},
    **{"b": "be", "ch": "cheese", "d": "day", "dh": "this", "f": "fee", "g": "go", "hh": "he", "jh": "joy"},
    **{"k": "key", "l": "low", "m": "me", "n": "no", "ng": "sing", "p": "pea", "r": "red", "s": "see", "sh": "she"},
    **{"t": "tea", "th": "think", "v": "vie", "w": "we", "y": "yes", "z": "zoo", "zh": "vision"},
}
PHONE_SOURCES = {
    "times": "phone times that came with the video",
    "transcript": "a transcript, aligned with the audio",
    "recogniser": "a speech recogniser",
    "voice_activity": "voice activity only",
}
HEADLINES = {
    "fake": "Fake",
    "real": "No sign of a forgery",
    "mismatch": "Sound and lips do not fit each other",
    "abstain": "No verdict",
    "broken": "Cannot be read",
}


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row of the table of suspicious phones."""

    sound: PhoneEvidence
    face: int
    mouth: str  # a data address

    @property
    def word(self) -> str:
        """A word with this phone, or "" if the phone is unknown."""
        return EXAMPLES.get(self.sound.phone, "")


@dataclass(frozen=True, slots=True)
class Piece:
    """One clip of a face: its crops, and its chart if it was judged."""

    start: float
    faces: list[tuple[float, str]]  # time in the video, data address
    rows: list[ChartRow]
    offset_s: float  # that was corrected
    speaks: bool
    heat: list[tuple[float, str]]  # as `faces`, with heat-maps
    area: AreaChart | None


@dataclass(frozen=True, slots=True)
class WorstFrame:
    """The frame of a face with most forged pixels, without and with its heat-map."""

    time: float
    area: float
    face: str
    heat: str
    mask: str | None  # the video of masks, seen from the report


@dataclass(frozen=True, slots=True)
class FaceSection:
    """A track with its pieces in order of time."""

    verdict: TrackVerdict
    pieces: list[Piece]
    worst: WorstFrame | None

    @property
    def speaks(self) -> bool:
        return any(piece.speaks for piece in self.pieces)


def write_report(judgements: Sequence[Judgement], detector: Predictor, path: str | Path) -> Path:
    """Render the report of some videos into a file, making its folder. Raises OSError where it cannot be written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_report(judgements, detector, path.parent), encoding="utf-8")
    return path


def render_report(judgements: Sequence[Judgement], detector: Predictor, folder: Path = Path()) -> str:
    """One self-contained HTML page on some videos that `detector` has judged, to lie in `folder`."""
    settings = detector.settings
    inputs = detector.speech_inputs
    return render(
        "report",
        {
            "evidence": evidence_text,
            "question": lambda name: QUESTIONS[name].title,
            "seconds": _seconds,
            "sentence": _sentence,
            "colour": colour_of,
            "y": y_of,
        },
        videos=[_video(judgement, detector, folder) for judgement in judgements],
        settings=settings,
        gate=inputs.gate if inputs else None,
        critical=sorted(inputs.critical) if inputs else [],
        pictures=detector.finds_pixels,
        findings=any(judgement.verdict.findings for judgement in judgements),
        scale=SCALE,
        heat=gradient(),
        reach=REACH,
        lean=lambda p: leaning(p, settings.threshold),
        phone_sources=PHONE_SOURCES,
        geometry={"width": WIDTH, "left": LEFT, "curve": CURVE_HEIGHT, "full": FULL, "area": AREA_HEIGHT},
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        version=__version__,
    )


def _video(judgement: Judgement, detector: Predictor, folder: Path) -> dict[str, Any]:
    """Collect the content of one video."""
    verdict = judgement.verdict
    kind = "broken" if judgement.broken else verdict.verdict
    code, _, sentence = verdict.reason.partition(": ") if verdict.verdict == "abstain" else ("", "", verdict.reason)
    return {
        "name": Path(verdict.video).name,
        "path": verdict.video,
        "kind": kind,
        "headline": HEADLINES[kind],
        "code": code,
        "reason": sentence,
        "verdict": verdict,
        "seconds": judgement.seconds,
        "sha256": judgement.sha256,
        "offset_undone": any(item.offset_s for item in judgement.evidence),
        "faces": _faces(judgement, detector, folder),
        "parts": part_bars(list(verdict.parts or ())),
        "suspects": [
            Suspect(sound, item.track, data_address(item.mouths[item.frame_of(sound)], JPEG))
            for sound, item in judgement.suspects(SOUNDS)
        ],
    }


def _faces(judgement: Judgement, detector: Predictor, folder: Path) -> list[FaceSection]:
    pieces: dict[int, list[Piece]] = defaultdict(list)
    segments = {track.id: track.segments for track in judgement.verdict.tracks}
    critical = frozenset(detector.speech_inputs.critical) if detector.speech_inputs else frozenset()
    for item in judgement.evidence:
        rows = []
        if item.scored is not None:
            rows = chart_rows(item, segments[item.track], critical, detector.settings.threshold)
        heat, area = {}, None
        if item.picture is not None:
            heat, area = item.picture.heat, area_chart(item.picture.area_T, item.picture.worst, item.span[0])
        faces, heated = _at_times(item, item.faces), _at_times(item, heat)
        pieces[item.track].append(
            Piece(item.span[0], faces, rows, item.offset_s, item.scored is not None, heated, area)
        )
    return [
        FaceSection(t, sorted(pieces[t.id], key=lambda piece: piece.start), _worst(judgement, t, folder))
        for t in judgement.verdict.tracks
    ]


def _at_times(item: ClipEvidence, pictures: dict[int, bytes]) -> list[tuple[float, str]]:
    return [(item.span[0] + frame / FPS, data_address(jpeg, JPEG)) for frame, jpeg in pictures.items()]


def _worst(judgement: Judgement, track: TrackVerdict, folder: Path) -> WorstFrame | None:
    """Return the worst frame of all clips of a face."""
    seen = [(item, item.picture) for item in judgement.evidence if item.track == track.id and item.picture]
    if not seen:
        return None
    item, picture = max(seen, key=lambda pair: pair[1].area_T[pair[1].worst])
    mask = track.mask and Path(os.path.relpath(track.mask, folder)).as_posix()
    face, heat = data_address(picture.worst_face, JPEG), data_address(picture.worst_heat, JPEG)
    return WorstFrame(item.span[0] + picture.worst / FPS, float(picture.area_T[picture.worst]), face, heat, mask)


def _sentence(text: str) -> str:
    """With a full stop, and a capital letter unless it begins with a file's name."""
    name = text.split(" ", 1)[0].endswith(":")
    return (text if name else text[:1].upper() + text[1:]).rstrip(".") + "."


def _seconds(time: float) -> str:
    """`4.20 s`, or `1:04.20` from a minute on."""
    minutes, rest = divmod(time, 60)
    return f"{rest:.2f} s" if not minutes else f"{minutes:.0f}:{rest:05.2f}"


FILTERS = {
    "seconds": _seconds,
    "sentence": _sentence,
    "colour": colour_of,
    "y": y_of,
    "evidence": evidence_text,
    "question": lambda name: QUESTIONS[name].title,
}
