"""The preview of DFDC (Dolhansky et al. 2019): one `dataset.json` with actors, two unnamed methods A and B."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from npvf.clip import FAKE, REAL
from npvf.corpora.files import find_videos, locate, read_json
from npvf.corpora.record import Listing, Reader, Record, bad_value, listing, not_listed
from npvf.errors import NpvfError
from npvf.io.annotations import Annotation

LIST = "dataset.json"
_LABELS = {"fake": FAKE, "real": REAL}


def read(root: Path) -> Listing:
    """Read `dataset.json`: path -> label, set, target_id, swapped_id."""
    root = locate(root, LIST, what="the DFDC preview")
    content = read_json(root / LIST)
    if not isinstance(content, dict):
        raise NpvfError(f"{root / LIST} is not the list of the DFDC preview: expected paths mapped to objects.")
    records = [_record(path, entry) for path, entry in content.items()]
    stray = (not_listed(path, LIST) for path in find_videos(root) if path not in content)
    return listing(root, [*records, *stray])


def _record(path: str, entry: Any) -> Record:
    label = _LABELS.get(str(entry.get("label"))) if isinstance(entry, dict) else None
    if label is None or entry.get("set") not in ("train", "test"):
        return bad_value(path, LIST, f"label or set is not known: {entry!r}")
    people = [str(entry[key]) for key in ("target_id", "swapped_id") if entry.get(key) is not None]
    annotation = Annotation(
        label=label,
        audio_label=REAL,  # the audio of the preview is not forged
        video_label=label,
        manipulation=path.partition("/")[0] if label == FAKE else None,
        identity=people[0] if people else None,
        identities=tuple(dict.fromkeys(people)),
        split=entry["set"],
    )
    return Record(path, annotation, unnamed=len(people) < 1 + label)


READER = Reader(
    name="dfdc_preview",
    title="DFDC preview",
    use="detection",
    get="ai.meta.com/datasets/dfdc (deepfake_detection_dataset preview)",
    licence="DFDC agreement (research); no redistribution",
    layout="dataset.json, original_videos/<actor>/*.mp4, method_{A,B}/<actor>/.../*.mp4",
    read=read,
    counts={"real": 1_131, "fake": 4_113},
    class_of=lambda record: "fake" if record.annotation.label else "real",
    official={"train": "train", "test": "test"},
)
