"""VoxCeleb2 (Chung, Nagrani, Zisserman 2018): interviews. The official MP4s have no audio; it is in `aac/`.

Copies differ: `mp4/` and `aac/` are at the top or in `dev/` and `test/`, or the audio is in the MP4 without `aac/`.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from npvf.clip import REAL
from npvf.corpora.files import find_files, find_videos, locate, read_text
from npvf.corpora.record import Listing, Reader, Record, listing, misnamed
from npvf.errors import NpvfError
from npvf.io.annotations import Annotation

_PLACE = re.compile(r"(?:(dev|test)/)?mp4/(id\d{5}/[^/]+/\d{5})\.mp4")
_META = "vox2_meta.csv"
_GENDERS = {"m": "men", "f": "women"}


def read(root: Path) -> Listing:
    """Read all utterances, with their audio from `aac/` if it exists."""
    root = locate(root, "mp4", "dev/mp4", "test/mp4", what="VoxCeleb2")
    people = _read_meta(root / _META)
    tops = [top for top in ("", "dev/", "test/") if (root / top / "mp4").is_dir()]
    sounds = {sound for top in tops for sound in find_files(root, {".m4a"}, f"{top}aac")}
    videos = [video for top in tops for video in find_videos(root, f"{top}mp4")]
    records = [_record(video, sounds, people) for video in videos]
    there = {record.audio for record in records}
    lone = sorted(sounds - {sound for sound in there if sound})
    notes = [f"{len(lone)} audio files have no video, for example {lone[0]}"] if lone else []
    mute = [record.path for record in records if record.audio is None]
    if sounds and mute:
        notes.append(f"{len(mute)} videos have no audio in aac/, for example {mute[0]}")
    return listing(root, records, notes)


def _record(place: str, sounds: set[str], people: dict[str, tuple[str, str]]) -> Record:
    match = _PLACE.fullmatch(place)
    if match is None:
        return misnamed(place, "the layout of VoxCeleb2")
    subset, utterance = match.groups()
    person = utterance[:7]
    sound = f"{subset}/aac/{utterance}.m4a" if subset else f"aac/{utterance}.m4a"
    gender, official = people.get(person, (None, None))
    annotation = Annotation(
        label=REAL,
        identity=person,
        identities=(person,),
        split=subset or official,
        attributes={"gender": gender} if gender else {},
    )
    return Record(f"{utterance}.mp4", annotation, place, sound if sound in sounds else None)


def _read_meta(path: Path) -> dict[str, tuple[str, str]]:
    """Read person -> (gender, dev or test). Cells are padded with blanks. Empty if there is no such file."""
    if not path.is_file():
        return {}
    rows = [[cell.strip() for cell in row] for row in csv.reader(read_text(path).splitlines())]
    people = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != 4 or row[2] not in _GENDERS or row[3] not in ("dev", "test"):
            raise NpvfError(f"{path}, line {number}: {row} is not `id, VGGFace2 id, m or f, dev or test`.")
        people[row[0]] = (_GENDERS[row[2]], row[3])
    return people


READER = Reader(
    name="voxceleb2",
    title="VoxCeleb2",
    use="pre-training",
    get="form at robots.ox.ac.uk/~vgg/data/voxceleb; the videos from mirrors, or anew from YouTube",
    licence="metadata CC BY 4.0; the videos are their owners'",
    layout="[dev|test]/mp4/idNNNNN/<youtube id>/NNNNN.mp4, [dev|test]/aac/.../NNNNN.m4a; vox2_meta.csv",
    read=read,
    counts={"dev": 1_092_009, "test": 36_237},
    class_of=lambda record: record.annotation.split or "unknown split",
    official={"dev": "train", "test": "test"},
)
