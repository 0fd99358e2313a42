"""The faces of a video in a report: their crops, charts and heat-maps, and the phones that match the lips least."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from npvf.clip import FPS, PhoneEvidence, TrackVerdict
from npvf.detect.evidence import MOUTHS, ClipEvidence, same_phone
from npvf.detect.predictor import Predictor
from npvf.detect.verdict import Judgement
from npvf.report.charts import ChartRow, chart_rows
from npvf.report.lanes import lanes_of
from npvf.report.mask_charts import AreaChart, area_chart
from npvf.report.pages import data_address

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


@dataclass(frozen=True, slots=True)
class Mouth:
    """A mouth in the middle of a phone: the time on the clock of the frames, and the image as a data address."""

    seek: float
    picture: str
    agreement: float


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row of the table of suspicious phones; `others` are the same phone elsewhere in the clip, where it fits."""

    sound: PhoneEvidence
    face: int
    mouth: Mouth
    others: list[Mouth]

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

    @property
    def rows(self) -> bool:
        """True if there is a chart of segments or phones."""
        return any(piece.rows for piece in self.pieces)

    @property
    def greyed(self) -> bool:
        """True if there are frames in which lips and audio were not compared, although the face speaks."""
        return any(row.greyed for piece in self.pieces for row in piece.rows)

    @property
    def portrait(self) -> str:
        """The crop in the middle of the longest clip, or "" if there are no crops."""
        faces = max((piece.faces for piece in self.pieces), key=len, default=[])
        return faces[len(faces) // 2][1] if faces else ""


def face_sections(judgement: Judgement, detector: Predictor, folder: Path) -> list[FaceSection]:
    """Return a section for each track; `folder` is that of the report."""
    pieces: dict[int, list[Piece]] = defaultdict(list)
    segments = {track.id: track.segments for track in judgement.verdict.tracks}
    critical = frozenset(detector.speech_inputs.critical) if detector.speech_inputs else frozenset()
    for item in judgement.evidence:
        rows = chart_rows(item, lanes_of(item, segments[item.track], detector), critical)
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


def suspects(judgement: Judgement) -> list[Suspect]:
    """Return the phones with the lowest agreement, the worst first, each with mouths to compare it with."""
    return [
        Suspect(
            sound, item.track, _mouth(item, sound), [_mouth(item, other) for other in same_phone(sound, item.sounds)]
        )
        for sound, item in judgement.suspects(SOUNDS)
    ]


def _mouth(item: ClipEvidence, sound: PhoneEvidence) -> Mouth:
    frame = item.frame_of(sound)
    time = round(item.span[0] + (frame + 0.5) / FPS, 3)
    return Mouth(time, data_address(item.mouths[frame], JPEG), sound.agreement)


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
