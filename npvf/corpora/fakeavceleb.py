"""FakeAVCeleb v1.2 (Khalid, Tariq, Kim, Woo 2021): 500 people of VoxCeleb2 with forged video, audio or both.

`meta_data.csv` lists each file and its folder. In the distributed header the file name is called `path` and the column
of the folder has no name; many copies have a corrected header, `filename,path`. Both are read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from npvf.clip import FAKE, REAL
from npvf.corpora.files import find_videos, locate, read_text
from npvf.corpora.record import Listing, Reader, Record, bad_value, listing, not_listed
from npvf.errors import NpvfError, Reason
from npvf.io.annotations import Annotation

LIST = "meta_data.csv"
_KNOWN = ["source", "target1", "target2", "method", "category", "type", "race", "gender"]
_HEADERS = {("path", ""): "distributed", ("filename", "path"): "put right by hand"}
RACES = ("African", "Asian (East)", "Asian (South)", "Caucasian (American)", "Caucasian (European)")
# (category, method) -> type, videos in a whole copy, people besides the source that the method takes
_METHODS = {
    ("A", "real"): ("RealVideo-RealAudio", 500, 0),
    ("B", "rtvc"): ("RealVideo-FakeAudio", 500, 0),  # the voice is a clone of the source's own
    ("C", "wav2lip"): ("FakeVideo-RealAudio", 5015, 1),
    ("C", "fsgan"): ("FakeVideo-RealAudio", 3964, 1),
    ("C", "faceswap"): ("FakeVideo-RealAudio", 730, 1),
    ("D", "wav2lip"): ("FakeVideo-FakeAudio", 4587 - 22, 1),
    ("D", "fsgan-wav2lip"): ("FakeVideo-FakeAudio", 3553, 2),
    ("D", "faceswap-wav2lip"): ("FakeVideo-FakeAudio", 2717 - 22, 2),
}
_PERSON = re.compile(r"id\d{5}")
FORGERIES = {
    ("B", "rtvc"): "RVFA",
    ("C", "wav2lip"): "FVRA-WL",
    ("C", "faceswap"): "FVRA-FS",
    ("C", "fsgan"): "FVRA-GAN",
    ("D", "wav2lip"): "FVFA-WL",
    ("D", "faceswap-wav2lip"): "FVFA-FS",
    ("D", "fsgan-wav2lip"): "FVFA-GAN",
}
"""The usual names of (category, method). Leave-one-out leaves out one of them."""


def read(root: Path) -> Listing:
    """Read `meta_data.csv`, and the videos below its folder that it does not contain."""
    root = locate(root, LIST, what="FakeAVCeleb")
    records = list(_records(root / LIST))
    reals = {record.path for record in records if record.annotation.label == REAL}
    records = [_with_original(record, reals) for record in records]
    listed = {record.path for record in records}
    stray = (not_listed(path, LIST) for path in find_videos(root) if path not in listed)
    return listing(root, [*records, *stray])


def _records(path: Path) -> Iterator[Record]:
    rows = csv.reader(read_text(path).splitlines())
    header = [name.strip() for name in next(rows, [])]
    if header[:8] != _KNOWN or tuple(header[8:]) not in _HEADERS:
        raise NpvfError(f"{path}: the header {','.join(header)!r} is not that of FakeAVCeleb. Get the file again.")
    for cells in rows:
        where = f"{LIST}, line {rows.line_num}"
        if len(cells) != 10:
            raise NpvfError(f"{path}, line {rows.line_num}: {len(cells)} cells, not 10. Get the file again.")
        yield _record(where, *(cell.strip() for cell in cells))


def _record(
    where: str,
    source: str,
    target1: str,
    target2: str,
    method: str,
    category: str,
    kind: str,
    race: str,
    gender: str,
    name: str,
    folder: str,
) -> Record:
    top, _, below = folder.partition("/")  # FakeAVCeleb/... or FakeAVCeleb_v1.2/...; copies differ
    path = f"{below}/{name}"
    known = _METHODS.get((category, method))
    if known is None or known[0] != kind:
        return bad_value(path, where, f"method {method!r} in category {category!r}, type {kind!r} is not known")
    if race not in RACES or gender not in ("men", "women"):
        return bad_value(path, where, f"race {race!r} or gender {gender!r} is not known")
    if not top.startswith("FakeAVCeleb") or below != f"{kind}/{race}/{gender}/{source}":
        return bad_value(path, where, f"the folder {folder!r} contradicts the other columns")
    # Target columns contain whatever was between two underscores: '-', 'fake.mp4', '10', halves of YouTube ids.
    in_name = [part for part in Path(name).stem.split("_") if _PERSON.fullmatch(part)]
    targets = [target for target in (target1, target2) if _PERSON.fullmatch(target)]
    annotation = Annotation(
        label=int(category != "A"),
        audio_label=FAKE if kind.endswith("FakeAudio") else REAL,
        video_label=FAKE if kind.startswith("FakeVideo") else REAL,
        manipulation=None if category == "A" else method,
        category=category,
        identity=source,
        identities=tuple(dict.fromkeys([source, *targets, *in_name])),
        attributes={"race": race, "gender": gender},
    )
    return Record(path, annotation, unnamed=len(in_name) < known[2])


def _with_original(record: Record, reals: set[str]) -> Record:
    """Set the original: the real video of the source, whose name is the beginning of the name of the forgery."""
    if not record.annotation.label:
        return record
    _, race, gender, source, name = record.path.split("/")
    stem = Path(name).stem.partition("_")[0]
    real = f"RealVideo-RealAudio/{race}/{gender}/{source}/{stem}.mp4"
    return _saying(record, Annotation(original=real)) if real in reals else record


def _saying(record: Record, more: Annotation) -> Record:
    return Record(record.path, more.over(record.annotation), problem=record.problem, unnamed=record.unnamed)


def _class_of(record: Record) -> str:
    annotation = record.annotation
    if record.problem is not None and record.problem.reason == Reason.LISTED_TWICE:
        return f"{annotation.category} listed under two methods"
    return f"{annotation.category} {annotation.manipulation or 'real'}"


READER = Reader(
    name="fakeavceleb",
    title="FakeAVCeleb v1.2",
    use="detection",
    get="form at github.com/DASH-Lab/FakeAVCeleb; a link comes by mail",
    licence="the form's agreement (research)",
    layout="meta_data.csv, <type>/<race>/<gender>/<source id>/<file>.mp4",
    read=read,
    counts={f"{category} {method}": known[1] for (category, method), known in _METHODS.items()}
    | {"D listed under two methods": 22},
    class_of=_class_of,
    people="voxceleb2",
    forgery_of=lambda record: FORGERIES.get((record.annotation.category or "", record.annotation.manipulation or "")),
    doubles=22,
)
