"""AVSpeech (Ephrat et al. 2018): a list of spans of YouTube videos, which users download as far as they still exist.

Downloaders name files `<youtube id>_<start>...`; ids have 11 characters and may contain underscores and hyphens.
"""

from __future__ import annotations

import re
from pathlib import Path

from npvf.clip import REAL
from npvf.corpora.files import find_videos
from npvf.corpora.record import Listing, Reader, Record, listing, misnamed
from npvf.errors import NpvfError
from npvf.io.annotations import Annotation

_NAME = re.compile(r"([\w-]{11})(?:[_.-].+)?")


def read(root: Path) -> Listing:
    """Read all videos below `root`; folders called train or test are the sets."""
    videos = find_videos(root)
    if not videos:
        raise NpvfError(f"{root} contains no videos. `npvf corpora` shows the layout of AVSpeech.")
    return listing(root, map(_record, videos))


def _record(path: str) -> Record:
    match = _NAME.fullmatch(Path(path).stem)
    if match is None:
        return misnamed(path, "the naming <youtube id>_<start>")
    split = next((part for part in Path(path).parts[:-1] if part in ("train", "test")), None)
    return Record(path, Annotation(label=REAL, split=split, attributes={"recording": match[1]}), unnamed=True)


READER = Reader(
    name="avspeech",
    title="AVSpeech",
    use="pre-training",
    get="lists at looking-to-listen.github.io/avspeech; the videos from YouTube",
    licence="lists CC BY 4.0; the videos are their owners'",
    layout="[train|test]/**/<youtube id>_<start>*.mp4",
    read=read,
    class_of=lambda record: record.annotation.split or "videos",
    official={"train": "train", "test": "test"},
)
