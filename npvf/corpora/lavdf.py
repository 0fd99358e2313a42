"""LAV-DF (Cai et al. 2022): short spans of video or audio are forged; `metadata.json` (or `.min.json`) lists them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from npvf.corpora.files import find_videos, locate, read_json
from npvf.corpora.record import Listing, Reader, Record, bad_value, listing, not_listed
from npvf.errors import NpvfError, Refused
from npvf.io.annotations import Annotation

_LISTS = ("metadata.json", "metadata.min.json")
_SPLITS = ("train", "dev", "test")


def read(root: Path) -> Listing:
    """Read the list; the long one if both exist."""
    root = locate(root, *_LISTS, what="LAV-DF")
    path = next(root / name for name in _LISTS if (root / name).is_file())
    content = read_json(path)
    if not isinstance(content, list) or not all(isinstance(entry, dict) and "file" in entry for entry in content):
        raise NpvfError(f"{path} is not a list of LAV-DF: expected a list of objects with a `file`.")
    records = [_record(entry, path.name) for entry in content]
    listed = {record.path for record in records}
    videos = (video for split in _SPLITS for video in find_videos(root, split))
    return listing(root, [*records, *(not_listed(video, path.name) for video in videos if video not in listed)])


def _record(entry: dict[str, Any], where: str) -> Record:
    video, spans = entry["file"], entry.get("fake_periods")
    picture, sound, split = entry.get("modify_video"), entry.get("modify_audio"), entry.get("split")
    if not (isinstance(picture, bool) and isinstance(sound, bool) and split in _SPLITS and isinstance(spans, list)):
        return bad_value(video, f"{where}, {video}", f"a value is not known: {entry!r}")
    if bool(spans) != (picture or sound) or entry.get("n_fakes", len(spans)) != len(spans):
        return bad_value(video, f"{where}, {video}", f"its spans contradict its other values: {entry!r}")
    annotation = {
        "label": int(picture or sound),
        "audio_label": int(sound),
        "video_label": int(picture),
        "manipulation": manipulation(picture, sound),
        "original": entry.get("original"),
        "split": split,
        "intervals": spans,
    }
    try:
        return Record(video, Annotation.from_json(annotation), unnamed=True)
    except Refused as refusal:
        return bad_value(video, f"{where}, {video}", refusal.sentence)


def manipulation(picture: bool, sound: bool) -> str | None:
    """Return `video`, `audio` or `video+audio`; None if neither is forged."""
    return "+".join(["video"] * picture + ["audio"] * sound) or None


READER = Reader(
    name="lavdf",
    title="LAV-DF",
    use="detection",
    get="form at github.com/ControlNet/LAV-DF, or Hugging Face ControlNet/LAV-DF",
    licence="CC BY-NC 4.0, and terms of use",
    layout="metadata.json, {train,dev,test}/NNNNNN.mp4; often LAV-DF/LAV-DF/LAV-DF",
    read=read,
    counts={"train": 78_703, "dev": 31_501, "test": 26_100},
    class_of=lambda record: record.annotation.split or "",
    people="voxceleb2",
    official={"train": "train", "dev": "val", "test": "test"},
)
