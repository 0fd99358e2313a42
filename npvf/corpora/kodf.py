"""KoDF (Kwon et al. 2021): lists with Korean column names, with a byte-order mark or without, and many folders.

A row names a video by its file name alone (영상ID, which carries the .mp4), so the file is looked for below the root.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from npvf.clip import FAKE, REAL
from npvf.corpora.files import find_files, find_videos, locate, read_rows, read_text
from npvf.corpora.record import Listing, Reader, Record, bad_value, listing, not_listed
from npvf.errors import NpvfError, Reason, Refused
from npvf.io.annotations import Annotation

_VIDEO, _GENDER, _MODEL, _TARGET = "영상ID", "인물성별", "변조모델", "타겟영상"
_REAL = (_VIDEO, _GENDER, "UUID", "스크립트파일")
_FAKE = (_VIDEO, _MODEL, _TARGET, _GENDER, "소스UUID", "타겟UUID")
MODELS = ("dfl", "dffs", "fsgan", "fo", "audio-driven")


def read(root: Path) -> Listing:
    """Read all lists below `root`, and the videos that none of them contains. Ids are file names."""
    if not root.is_dir():
        root = locate(root, what="KoDF")
    records = [record for path in find_files(root, {".csv"}) for record in _read_list(root / path)]
    if not records:
        raise NpvfError(f"{root} contains no list with the column {_VIDEO}. `npvf corpora` shows the layout of KoDF.")
    places: dict[str, list[str]] = {}
    for place in find_videos(root):
        places.setdefault(Path(place).name, []).append(place)
    listed = {record.path for record in records}
    stray = (not_listed(name, "any list", found[0]) for name, found in places.items() if name not in listed)
    return listing(root, [*(_placed(record, places.get(record.path, [])) for record in records), *stray])


def _read_list(path: Path) -> Iterator[Record]:
    columns = [name.strip() for name in read_text(path).partition("\n")[0].split(",")]
    if _VIDEO not in columns:
        return  # another table of the download
    for where, row in read_rows(path, _FAKE if _MODEL in columns else _REAL):
        yield _fake(where, row) if _MODEL in columns else _real(row)


def _real(row: dict[str, str]) -> Record:
    person = row["UUID"] or None
    annotation = Annotation(
        label=REAL,
        audio_label=REAL,
        video_label=REAL,
        identity=person,
        identities=(person,) if person else (),
        attributes={"gender": row[_GENDER]} if row[_GENDER] else {},
    )
    return Record(row[_VIDEO], annotation, unnamed=not person)


def _fake(where: str, row: dict[str, str]) -> Record:
    if row[_MODEL] not in MODELS:
        return bad_value(row[_VIDEO], where, f"{_MODEL} is {row[_MODEL]!r}, which is not known")
    source, target = row["소스UUID"], row["타겟UUID"]
    annotation = Annotation(
        label=FAKE,
        video_label=FAKE,
        manipulation=row[_MODEL],
        identity=target or None,
        identities=tuple(dict.fromkeys(person for person in (target, source) if person)),
        original=row[_TARGET] or None,
        attributes={"gender": row[_GENDER]} if row[_GENDER] else {},
    )
    return Record(row[_VIDEO], annotation, unnamed=not (source and target))


def _placed(record: Record, places: list[str]) -> Record:
    """Set the path of the file. If the file exists twice, the video is refused."""
    problem = record.problem
    if len(places) > 1:
        problem = Refused(Reason.LISTED_TWICE, f"{record.path} exists {len(places)} times: {', '.join(places[:2])}.")
    return Record(
        record.path, record.annotation, places[0] if places else None, problem=problem, unnamed=record.unnamed
    )


READER = Reader(
    name="kodf",
    title="KoDF",
    use="detection",
    get="form at deepbrainai-research.github.io/kodf; in Korea aihub.or.kr",
    licence="KoDF terms (AI-Hub, non-commercial research)",
    layout="lists *.csv (영상ID, ...), videos by that name anywhere below",
    read=read,
    counts={"real": 62_166, "fake": 175_776},
    class_of=lambda record: "fake" if record.annotation.label else "real",
)
