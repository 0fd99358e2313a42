"""AV-Deepfake1M (Cai et al. 2024): a language model changes words, then video, audio or both are forged.

`modify_type` is one of four words with an underscore. Other values, such as `both-modified`, are refused: if they
counted as "not both_modified", forgeries would become originals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from npvf.corpora.files import find_videos, locate, read_json, read_text
from npvf.corpora.lavdf import manipulation
from npvf.corpora.record import Listing, Reader, Record, bad_value, listing, not_listed
from npvf.errors import NpvfError, Refused
from npvf.io.annotations import Annotation

_LISTS = {"train": "train_metadata.json", "val": "val_metadata.json"}
_UNLABELLED = "test_files.txt"
_TYPES = {  # (picture, sound) forged
    "real": (False, False),
    "visual_modified": (True, False),
    "audio_modified": (False, True),
    "both_modified": (True, True),
}


def read(root: Path) -> Listing:
    """Read the lists that exist. The list of the test set has no labels, so its videos are unlabelled."""
    root = locate(root, *_LISTS.values(), what="AV-Deepfake1M")
    records: list[Record] = []
    for subset, name in _LISTS.items():
        if not (root / name).is_file():
            continue
        content = read_json(root / name)
        if not isinstance(content, list) or not all(isinstance(entry, dict) and "file" in entry for entry in content):
            raise NpvfError(f"{root / name} is not a list of AV-Deepfake1M: expected a list of objects with a `file`.")
        records += [_record(entry, subset, name) for entry in content]
    if (root / _UNLABELLED).is_file():
        names = [line.strip() for line in read_text(root / _UNLABELLED).splitlines() if line.strip()]
        records += [Record(_below("test", name), Annotation(split="test"), unnamed=True) for name in names]
    listed = {record.path for record in records}
    videos = (video for subset in (*_LISTS, "test") for video in find_videos(root, subset))
    return listing(root, [*records, *(not_listed(video, "any list") for video in videos if video not in listed)])


def _below(subset: str, name: str) -> str:
    """Return the path with the folder of its subset; lists write it with the folder or without."""
    return name if name.startswith(f"{subset}/") else f"{subset}/{name}"


def _record(entry: dict[str, Any], subset: str, where: str) -> Record:
    path = _below(subset, entry["file"])
    kind = entry.get("modify_type")
    if kind not in _TYPES or entry.get("split", subset) != subset:
        return bad_value(path, f"{where}, {path}", f"modify_type {kind!r} or split {entry.get('split')!r} is not known")
    picture, sound = _TYPES[kind]
    person = path.split("/")[1]  # idNNNNN of VoxCeleb2
    original = entry.get("original")
    annotation = {
        "label": int(picture or sound),
        "audio_label": int(sound),
        "video_label": int(picture),
        "manipulation": manipulation(picture, sound),
        "identity": person if person.startswith("id") else None,
        "original": None if original is None or original == entry["file"] else _below(subset, original),
        "split": subset,
        "intervals": entry.get("fake_segments"),
        "attributes": {"audio_model": entry["audio_model"]} if entry.get("audio_model") else {},
    }
    try:
        known = Annotation.from_json(annotation)
    except Refused as refusal:
        return bad_value(path, f"{where}, {path}", refusal.sentence)
    if bool(known.intervals) != bool(known.label):
        return bad_value(path, f"{where}, {path}", f"{kind} with {len(known.intervals)} forged spans")
    return Record(path, known, unnamed=known.identity is None)


READER = Reader(
    name="avdeepfake1m",
    title="AV-Deepfake1M",
    use="detection",
    get="agreement at Hugging Face ControlNet/AV-Deepfake1M",
    licence="CC BY-NC 4.0, and terms and conditions",
    layout="{train,val}_metadata.json, test_files.txt, {train,val,test}/idNNNNN/<youtube id>/NNNNN/<file>.mp4",
    read=read,
    counts={"train": 746_180, "val": 57_340, "test": 343_240},
    class_of=lambda record: record.annotation.split or "",
    people="voxceleb2",
    official={"train": "train", "val": "val", "test": "test"},
)
