"""Celeb-DF v2 (Li et al. 2020). In its list of test videos 1 means real, the reverse of ours.

The folder of a video determines its label, and the list must agree. Most copies have no audio.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from npvf.clip import FAKE, REAL
from npvf.corpora.files import find_videos, locate, read_text
from npvf.corpora.record import Listing, Reader, Record, listing, misnamed
from npvf.errors import NpvfError
from npvf.io.annotations import Annotation

LIST = "List_of_testing_videos.txt"
_FOLDERS = {"Celeb-real": REAL, "YouTube-real": REAL, "Celeb-synthesis": FAKE}
_NAME = re.compile(r"(id\d+)(?:_(id\d+))?_\d+")


def read(root: Path) -> Listing:
    """Read the three folders. Videos in the test list are `test`, the others `train`."""
    root = locate(root, *_FOLDERS, what="Celeb-DF v2")
    test = _read_test_list(root)
    videos = [path for folder in _FOLDERS for path in find_videos(root, folder)]
    records = [_record(path, test) for path in dict.fromkeys([*videos, *(test or ())])]
    notes = [] if test is not None else [f"no {LIST}: the official split is not known"]
    return listing(root, records, notes)


def _record(path: str, test: set[str] | None) -> Record:
    folder, _, name = path.partition("/")
    label = _FOLDERS[folder]
    match = _NAME.fullmatch(Path(name).stem)
    people = tuple(person for person in match.groups() if person) if match else ()
    if len(people) != {"Celeb-real": 1, "YouTube-real": 0, "Celeb-synthesis": 2}[folder]:
        return misnamed(path, f"the naming of {folder}")
    split = None if test is None else "test" if path in test else "train"
    annotation = Annotation(
        label=label,
        video_label=label,
        manipulation="Celeb-synthesis" if label == FAKE else None,
        category=folder,
        identity=people[0] if people else None,
        identities=tuple(dict.fromkeys(people)),
        original=f"Celeb-real/{people[0]}_{name.rpartition('_')[2]}" if label == FAKE else None,
        split=split,
    )
    return Record(path, annotation, unnamed=not people)


def _read_test_list(root: Path) -> set[str] | None:
    if not (root / LIST).is_file():
        return None
    return {path for _, path in _checked_lines(root / LIST)}


def _checked_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (label, video) with our labels: `1 YouTube-real/00170.mp4` is real."""
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        word, _, video = line.strip().partition(" ")
        folder = video.strip().partition("/")[0]
        if word not in ("0", "1") or folder not in _FOLDERS:
            raise NpvfError(f"{path}, line {number}: {line!r} is not `1 <folder>/<name>.mp4`, where 1 is real.")
        label = REAL if word == "1" else FAKE
        if label != _FOLDERS[folder]:
            raise NpvfError(
                f"{path}, line {number}: {word} for a video in {folder}. In Celeb-DF's own list 1 is real and 0 is "
                "fake; in this one the labels are swapped. Get the file again."
            )
        yield label, video.strip()


READER = Reader(
    name="celebdf",
    title="Celeb-DF v2",
    use="detection",
    get="form at github.com/yuezunli/celeb-deepfakeforensics",
    licence="Celeb-DF terms of use (non-commercial research)",
    layout="Celeb-real, YouTube-real, Celeb-synthesis (each *.mp4), List_of_testing_videos.txt",
    read=read,
    counts={"Celeb-real": 590, "YouTube-real": 300, "Celeb-synthesis": 5639},
    class_of=lambda record: record.annotation.category or "",
    sound=False,
    official={"train": "train", "test": "test"},
)
