"""The report: one HTML file an analyst can read, print and keep. Nothing in it is fetched from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from npvf import __version__
from npvf.clip import FPS, PhoneEvidence, TrackVerdict
from npvf.detect.charts import CURVE_HEIGHT, FULL, LEFT, WIDTH, Row, chart_rows, colour_of, leaning, y_of
from npvf.detect.evidence import MOUTHS, Judgement

if TYPE_CHECKING:
    from npvf.detect.detector import Detector

SOUNDS = MOUTHS  # rows of the table of suspicious sounds, each with a picture

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
    "transcript": "a transcript, aligned with the sound",
    "recogniser": "a speech recogniser",
    "voice_activity": "voice activity only",
}
HEADLINES = {"fake": "Fake", "real": "No sign of a forgery", "abstain": "No verdict", "broken": "Cannot be read"}


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row of the table of suspicious sounds."""

    sound: PhoneEvidence
    face: int
    mouth: str  # a data address

    @property
    def word(self) -> str:
        """A word with this sound, or "" where nobody knows which sound it is."""
        return EXAMPLES.get(self.sound.phone, "")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a face: its pictures, and its chart if it was judged."""

    start: float
    faces: list[tuple[float, str]]  # time in the video, data address
    rows: list[Row]
    offset_s: float  # that was undone
    speaks: bool


@dataclass(frozen=True, slots=True)
class Face:
    """A track with its pieces in order of time."""

    verdict: TrackVerdict
    pieces: list[Piece]

    @property
    def speaks(self) -> bool:
        return any(piece.speaks for piece in self.pieces)


def write_report(judgements: Sequence[Judgement], detector: Detector, path: str | Path) -> Path:
    """Render the report of some videos into a file, making its folder. Raises OSError where it cannot be written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_report(judgements, detector), encoding="utf-8")
    return path


def render_report(judgements: Sequence[Judgement], detector: Detector) -> str:
    """One self-contained HTML page on some videos that `detector` has judged."""
    environment = Environment(
        loader=PackageLoader("npvf.detect", "."),
        autoescape=True,  # names of files and sounds come from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(seconds=_seconds, sentence=_sentence, colour=colour_of, y=y_of)
    settings, inputs = detector.settings, detector.model.config.inputs
    return environment.get_template("report.html.j2").render(
        videos=[_video(judgement, detector) for judgement in judgements],
        settings=settings,
        gate=inputs.gate,
        critical=sorted(inputs.critical),
        lean=lambda p: leaning(p, settings.threshold),
        phone_sources=PHONE_SOURCES,
        geometry={"width": WIDTH, "left": LEFT, "curve": CURVE_HEIGHT, "full": FULL},
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        version=__version__,
    )


def _video(judgement: Judgement, detector: Detector) -> dict[str, Any]:
    """What the template says of one video."""
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
        "faces": _faces(judgement, detector),
        "suspects": [
            Suspect(sound, item.track, _data_address(item.mouths[item.frame_of(sound)]))
            for sound, item in judgement.suspects(SOUNDS)
        ],
    }


def _faces(judgement: Judgement, detector: Detector) -> list[Face]:
    pieces: dict[int, list[Piece]] = defaultdict(list)
    segments = {track.id: track.segments for track in judgement.verdict.tracks}
    critical = frozenset(detector.model.config.inputs.critical)
    for item in judgement.evidence:
        rows = []
        if item.scored is not None:
            rows = chart_rows(item, segments[item.track], critical, detector.settings.threshold)
        faces = [(item.span[0] + frame / FPS, _data_address(jpeg)) for frame, jpeg in item.faces.items()]
        pieces[item.track].append(Piece(item.span[0], faces, rows, item.offset_s, item.scored is not None))
    return [Face(t, sorted(pieces[t.id], key=lambda piece: piece.start)) for t in judgement.verdict.tracks]


def _sentence(text: str) -> str:
    """With a full stop, and a capital letter unless it begins with a file's name."""
    name = text.split(" ", 1)[0].endswith(":")
    return (text if name else text[:1].upper() + text[1:]).rstrip(".") + "."


def _data_address(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + b64encode(jpeg).decode("ascii")


def _seconds(time: float) -> str:
    """`4.20 s`, or `1:04.20` from a minute on."""
    minutes, rest = divmod(time, 60)
    return f"{rest:.2f} s" if not minutes else f"{minutes:.0f}:{rest:05.2f}"
