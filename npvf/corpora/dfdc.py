"""DFDC, the Deepfake Detection Challenge (Dolhansky et al. 2020): parts, each a folder with a `metadata.json`.

Three forms of the list are read: Kaggle's (`label` FAKE or REAL, `split`, `original`), the test set's (`is_fake`), and
`labels.csv` (filename,label) of validation and test. `metadata_audio_altered.csv` lists the fakes with forged audio.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from npvf.clip import FAKE, REAL
from npvf.corpora.files import find_files, find_videos, locate, read_json, read_rows
from npvf.corpora.record import Listing, Reader, Record, bad_value, listing, not_listed
from npvf.errors import NpvfError
from npvf.io.annotations import Annotation

_LISTS = ("metadata.json", "labels.csv")
_ALTERED = "metadata_audio_altered.csv"
_LABELS = {"FAKE": FAKE, "REAL": REAL, "1": FAKE, "0": REAL}
_SPLITS = ("train", "validation", "test")


def read(root: Path) -> Listing:
    """Read all parts below `root`, and the videos beside a list that it does not contain."""
    root = locate(root, *_LISTS, *(f"*/{name}" for name in _LISTS), what="DFDC")
    lists = [path for path in find_files(root, {".json", ".csv"}) if Path(path).name in _LISTS]
    altered = _altered_sound(root)
    records = [record for path in lists for record in _part(root, path, altered)]
    places = {Path(record.path).name: record.path for record in records}
    records = [_with_original(record, places) for record in records]
    listed = {record.path for record in records}
    parts = sorted({Path(path).parent.as_posix() for path in lists})
    videos = dict.fromkeys(video for part in parts for video in find_videos(root, part))
    stray = (not_listed(path, "any list") for path in videos if path not in listed)
    return listing(root, [*records, *stray])


def _part(root: Path, path: str, altered: dict[str, bool]) -> Iterator[Record]:
    folder = Path(path).parent
    for name, where, entry in _entries(root / path):
        video = (folder / name).as_posix()
        label = _LABELS.get(str(entry.get("label", entry.get("is_fake"))).upper())
        split = entry.get("split") or next((part for part in folder.parts[::-1] if part in _SPLITS), None)
        if label is None or split not in (None, *_SPLITS):
            yield bad_value(video, where, f"label or split is not known: {entry!r}")
            continue
        sound = altered.get(name)
        yield Record(
            video,
            Annotation(
                label=label,
                # If the audio of a fake is real, its frames are forged; if the audio is forged, both may be.
                audio_label=REAL if label == REAL else None if sound is None else int(sound),
                video_label=REAL if label == REAL else FAKE if sound is False else None,
                original=entry.get("original"),
                split=split,
            ),
        )


def _entries(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (file name, place for messages, entry) from either kind of list."""
    if path.suffix == ".csv":
        for where, row in read_rows(path, ["filename", "label"]):
            yield row["filename"], where, {"label": row["label"]}
        return
    content = read_json(path)
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        raise NpvfError(f"{path} is not a list of DFDC: expected an object that maps file names to objects.")
    yield from ((name, f"{path.name}, {name}", entry) for name, entry in content.items())


def _altered_sound(root: Path) -> dict[str, bool]:
    """Return file name -> True if its audio is forged. Empty if there is no such list; then it is unknown."""
    path = next((root / found for found in find_files(root, {".csv"}) if Path(found).name == _ALTERED), None)
    if path is None:
        return {}
    values = {"True": True, "False": False}
    found = {}
    for where, row in read_rows(path, ["train_mp4", "audio_altered"]):
        if row["audio_altered"] not in values:
            raise NpvfError(f"{where}: audio_altered is {row['audio_altered']!r}, neither True nor False.")
        found[row["train_mp4"]] = values[row["audio_altered"]]
    return found


def _with_original(record: Record, places: dict[str, str]) -> Record:
    """Set the original: its id if this copy contains it, else the name in the list."""
    original = record.annotation.original
    if original is None:
        return record
    return Record(record.path, Annotation(original=places.get(original, original)).over(record.annotation))


def _class_of(record: Record) -> str:
    return f"{record.annotation.split or 'unknown split'}/{'fake' if record.annotation.label else 'real'}"


READER = Reader(
    name="dfdc",
    title="DFDC",
    use="detection",
    get="ai.meta.com/datasets/dfdc, or Kaggle's deepfake-detection-challenge",
    licence="DFDC agreement (research); no redistribution",
    layout="dfdc_train_part_N/metadata.json and <name>.mp4 beside it; validation/, test/ with labels.csv",
    read=read,
    counts={
        "train/real": 19_154,
        "train/fake": 100_000,
        "validation/real": 2_000,
        "validation/fake": 2_000,
        "test/real": 2_500,
        "test/fake": 2_500,
    },
    class_of=_class_of,
    editions=True,
    official={"train": "train", "validation": "val", "test": "test"},
)
