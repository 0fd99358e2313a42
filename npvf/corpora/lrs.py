"""The format that LRS2 and LRS3 share: a video and a text of the same name, in one folder for each recording.

The text begins with `Text:  WORDS`; in the pre-training set, times of the words follow.
"""

from __future__ import annotations

import re
from pathlib import Path

from npvf.clip import REAL
from npvf.corpora.files import find_videos
from npvf.corpora.record import Record, bad_value
from npvf.io.annotations import Annotation

_NOISE = re.compile(r"\{[^}]*\}")  # {NS}: no speech


def find_utterances(root: Path, folder: str, split: str | None) -> list[Record]:
    """Read all videos of `root/folder` with their words. The speakers are not identified."""
    return [_record(root, path, split) for path in find_videos(root, folder)]


def _record(root: Path, path: str, split: str | None) -> Record:
    text = (root / path).with_suffix(".txt")
    about = {"recording": Path(path).parent.name}
    annotation = Annotation(label=REAL, split=split, attributes=about)
    if not text.is_file():
        return Record(path, annotation, unnamed=True)
    first = text.read_text(encoding="utf-8-sig").partition("\n")[0]
    word, colon, words = first.partition(":")
    if word.strip() != "Text" or not colon:
        return bad_value(path, text.name, f"it begins with {first[:40]!r}, not with `Text:`", annotation=annotation)
    spoken = " ".join(_NOISE.sub(" ", words).split())
    return Record(path, Annotation(transcript=spoken or None).over(annotation), unnamed=True)


def without_text(records: list[Record]) -> list[str]:
    """Return a note if texts are missing."""
    mute = [record.path for record in records if record.problem is None and record.annotation.transcript is None]
    return [f"{len(mute)} videos have no words in a .txt beside them, for example {mute[0]}"] if mute else []
