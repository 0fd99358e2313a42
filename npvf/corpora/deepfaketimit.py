"""DeepfakeTIMIT (Korshunov, Marcel 2018), with VidTIMIT (Sanderson 2002) as its real videos.

The audio of a forged AVI is in a WAV beside it, named after the sentence or after the AVI. VidTIMIT consists of folders
of JPEG images without a file name suffix, 25 a second, and WAVs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from npvf.clip import FAKE, REAL
from npvf.corpora.files import find_videos, locate
from npvf.corpora.record import Listing, Reader, Record, listing, misnamed
from npvf.io.annotations import Annotation

_QUALITIES = ("higher_quality", "lower_quality")
_FORGED = re.compile(r"(?P<sentence>.+)-video-(?P<target>\w+)")
_VIDTIMIT = ("VidTIMIT", "vidtimit")


def read(root: Path) -> Listing:
    """Read DeepfakeTIMIT in `root`, and VidTIMIT in it or beside it, if it exists."""
    forged = locate(root, *_QUALITIES, what="DeepfakeTIMIT")
    root = root if forged == root else forged.parent
    real = next((folder / name for folder in (root, forged) for name in _VIDTIMIT if (folder / name).is_dir()), None)
    records = [*_forged(root, forged), *([] if real is None else _real(root, real))]
    notes = ["no folder VidTIMIT beside DeepfakeTIMIT: it holds the real videos"] if real is None else []
    mute = [record.path for record in records if record.audio is None and record.problem is None]
    notes += [f"{len(mute)} videos have no WAV, for example {mute[0]}"] if mute else []
    return listing(root, records, notes)


def _forged(root: Path, folder: Path) -> Iterator[Record]:
    for quality in _QUALITIES:
        for found in find_videos(folder, quality):
            place = (folder / found).relative_to(root).as_posix()
            speaker, name = Path(found).parent.name, Path(found).stem
            match = _FORGED.fullmatch(name)
            if match is None:
                yield misnamed(found, "the naming of DeepfakeTIMIT", place)
                continue
            beside = (root / place).parent
            wav = next((w for w in (f"{name}.wav", f"{match['sentence']}.wav") if (beside / w).is_file()), None)
            annotation = Annotation(
                label=FAKE,
                audio_label=REAL,
                video_label=FAKE,
                manipulation=quality,
                identity=speaker,
                identities=tuple(dict.fromkeys((speaker, match["target"]))),
            )
            audio = None if wav is None else (beside / wav).relative_to(root).as_posix()
            yield Record(found, annotation, place, audio)


def _real(root: Path, folder: Path) -> Iterator[Record]:
    """Yield the real videos: `<subject>/video/<sentence>` is a folder of images, or a video made from it."""
    for place in sorted(folder.glob("*/video/*")):
        subject, sentence = place.parent.parent.name, place.stem
        if sentence.startswith("head"):  # silent head rotations
            continue
        wav = place.parent.parent / "audio" / f"{sentence}.wav"
        annotation = Annotation(label=REAL, audio_label=REAL, video_label=REAL, identity=subject, identities=(subject,))
        audio = wav.relative_to(root).as_posix() if wav.is_file() else None
        path = f"VidTIMIT/{subject}/{sentence}"
        yield Record(path, annotation, place.relative_to(root).as_posix(), audio)


def _class_of(record: Record) -> str:
    return record.annotation.manipulation or "VidTIMIT"


READER = Reader(
    name="deepfaketimit",
    title="DeepfakeTIMIT, VidTIMIT",
    use="detection",
    get="zenodo.org/records/4068245 (form); VidTIMIT: zenodo.org/records/158963",
    licence="DeepfakeTIMIT: EULA (non-commercial research); VidTIMIT: research with attribution",
    layout="DeepfakeTIMIT/{higher,lower}_quality/<speaker>/<sentence>-video-<target>.avi and .wav; VidTIMIT/<speaker>/",
    read=read,
    counts={"higher_quality": 320, "lower_quality": 320, "VidTIMIT": 430},
    class_of=_class_of,
    people="vidtimit",
)
