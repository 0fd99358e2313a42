"""FaceForensics++ (Rössler et al. 2019) with FaceShifter and DeepFakeDetection. The videos have no audio.

A forgery `TTT_SSS` is the recording TTT with the face or expression of SSS. Its mask is a video under `masks/videos/`.
The official splits are lists of pairs [A, B]; each pair stands for A, B, A_B and B_A. They are a separate download.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from npvf.clip import FAKE, REAL
from npvf.corpora.files import find_videos, locate, read_json
from npvf.corpora.record import Listing, Reader, Record, listing, misnamed
from npvf.errors import NpvfError
from npvf.io.annotations import Annotation

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
_ACTORS = "DeepFakeDetection"
COMPRESSIONS = ("raw", "c23", "c40")
SPLITS = ("train", "val", "test")
_PLACE = re.compile(r"(original|manipulated)_sequences/(\w+)/(raw|c23|c40)/videos/([^/]+)\.mp4")
_UNMASKED = ("FaceShifter",)


def read(root: Path) -> Listing:
    """Read the videos that exist, and the missing ones that the official splits contain."""
    root = locate(root, "original_sequences", "manipulated_sequences", what="FaceForensics++")
    splits = _read_splits(root)
    masks = set(find_videos(root, "manipulated_sequences"))
    records, kinds = [], set()
    for path in [*find_videos(root, "original_sequences"), *find_videos(root, "manipulated_sequences")]:
        if "/masks/videos/" in path:
            continue
        place = _PLACE.fullmatch(path)
        record = _record(path, place, splits, masks) if place else None
        records.append(record or misnamed(path, "the layout of FaceForensics++"))
        if place and record:
            kinds.add(place.groups()[:3])
    there = {record.path for record in records}
    for group, method, compression in sorted(kinds):
        for name in _expected(method, splits):
            path = f"{group}_sequences/{method}/{compression}/videos/{name}.mp4"
            place = _PLACE.fullmatch(path)
            if path not in there and place and (record := _record(path, place, splits, masks)):
                records.append(record)  # `prepare` refuses it as not_found
    return listing(root, records, _notes(records, splits))


def _record(path: str, place: re.Match[str], splits: dict[str, str], masks: set[str]) -> Record | None:
    """Return the record, or None if the name does not fit the method."""
    group, method, compression, name = place.groups()
    about = {"compression": compression}
    if group == "original" and method in ("youtube", "actors"):
        people = _people(method, name)
        annotation = Annotation(label=REAL, video_label=REAL, attributes=about)
    elif group == "manipulated" and method in (*METHODS, _ACTORS):
        people = _people(method, name)
        mask = f"manipulated_sequences/{method}/masks/videos/{name}.mp4"
        annotation = Annotation(
            label=FAKE,
            video_label=FAKE,
            manipulation=method,
            original=_original(method, compression, name),
            attributes=about,
            mask=mask if mask in masks else None,
        )
    else:
        return None
    if not people:
        return None
    who = Annotation(identity=people[0], identities=people, split=splits.get(name))
    return Record(path, who.over(annotation))


def _people(method: str, name: str) -> tuple[str, ...]:
    """Parse people: 000 -> youtube-000; 000_003 -> both; 01_02__meeting__ABCD -> actor-01, actor-02; else empty."""
    actors = method in ("actors", _ACTORS)
    pattern = r"(\d{2})(?:_(\d{2}))?__.+" if actors else r"(\d{3})(?:_(\d{3}))?"
    match = re.fullmatch(pattern, name)
    found = [number for number in match.groups() if number] if match else []
    if len(found) != (1 if method in ("youtube", "actors") else 2):
        return ()
    return tuple(dict.fromkeys(f"{'actor' if actors else 'youtube'}-{number}" for number in found))


def _original(method: str, compression: str, name: str) -> str:
    if method == _ACTORS:
        people, scene, *_ = name.split("__")
        return f"original_sequences/actors/{compression}/videos/{people[:2]}__{scene}.mp4"
    return f"original_sequences/youtube/{compression}/videos/{name[:3]}.mp4"


def _read_splits(root: Path) -> dict[str, str]:
    """Return video name -> official split; empty if no list is in `root` or `root/splits`."""
    splits: dict[str, str] = {}
    for split in SPLITS:
        path = next((p for p in (root / f"{split}.json", root / "splits" / f"{split}.json") if p.is_file()), None)
        for pair in [] if path is None else read_json(path):
            if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(name, str) for name in pair)):
                raise NpvfError(f"{path}: {pair!r} is not a pair of ids.")
            a, b = pair
            for name in (a, b, f"{a}_{b}", f"{b}_{a}"):
                if splits.setdefault(name, split) != split:
                    raise NpvfError(f"{path}: {name} is in {splits[name]} already.")
    return splits


def _expected(method: str, splits: dict[str, str]) -> Iterator[str]:
    if method == "youtube":
        yield from (name for name in splits if "_" not in name)
    elif method in METHODS:
        yield from (name for name in splits if "_" in name)


def _notes(records: list[Record], splits: dict[str, str]) -> Iterator[str]:
    if not splits:
        yield "no train.json, val.json and test.json: the official split is not known"
    bare = [
        r.path
        for r in records
        if r.annotation.label and r.annotation.mask is None and r.annotation.manipulation not in _UNMASKED
    ]
    if bare:
        yield f"{len(bare)} forgeries have no mask under masks/videos/, for example {bare[0]}"


def _class_of(record: Record) -> str:
    return f"{record.annotation.attributes['compression']}/{record.path.split('/')[1]}"


READER = Reader(
    name="faceforensics",
    title="FaceForensics++",
    use="detection",
    get="form at github.com/ondyari/FaceForensics; the script that comes by mail; splits from dataset/splits there",
    licence="FaceForensics terms of use (non-commercial research)",
    layout="{original,manipulated}_sequences/<method>/{raw,c23,c40}/videos/*.mp4, <method>/masks/videos; splits/*.json",
    read=read,
    counts={
        f"{compression}/{method}": count
        for compression in COMPRESSIONS
        for method, count in {"youtube": 1000, "actors": 363, **dict.fromkeys(METHODS, 1000), _ACTORS: 3068}.items()
    },
    class_of=_class_of,
    editions=True,
    sound=False,
    official={split: split for split in SPLITS},
)
