"""LRS2 (Son, Senior, Vinyals, Zisserman 2017): BBC television. Lists beside `mvlrs_v1` split `main` into its sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from npvf.corpora.files import locate, read_text
from npvf.corpora.lrs import find_utterances, without_text
from npvf.corpora.record import Listing, Reader, Record, listing
from npvf.errors import NpvfError

_LISTS = ("train", "val", "test")


def read(root: Path) -> Listing:
    """Read `pretrain`, and `main` with the sets of the lists."""
    folder = locate(root, "main", "pretrain", what="LRS2")
    root = root if folder == root else folder.parent
    inside = "" if folder == root else f"{folder.name}/"
    splits = _read_lists(root, folder)
    records = find_utterances(root, f"{inside}pretrain", "pretrain")
    records += [_in_its_set(record, splits) for record in find_utterances(root, f"{inside}main", None)]
    records = [replace(record, path=record.path.removeprefix(inside), file=record.path) for record in records]
    there = {record.path for record in records}
    listed = (f"main/{name}.mp4" for name in splits)
    gone = [Record(path, file=inside + path, unnamed=True) for path in listed if path not in there]
    notes = [] if splits else ["no train.txt, val.txt and test.txt: the sets of main/ are not known"]
    return listing(root, [*records, *(_in_its_set(record, splits) for record in gone)], notes + without_text(records))


def _in_its_set(record: Record, splits: dict[str, str]) -> Record:
    name = "/".join(Path(record.path).with_suffix("").parts[-2:])
    return replace(record, annotation=replace(record.annotation, split=splits.get(name)))


def _read_lists(*folders: Path) -> dict[str, str]:
    """Read `<programme>/<number>` -> set. Lines of test.txt have an extra mark at the end."""
    splits: dict[str, str] = {}
    for split in _LISTS:
        path = next((folder / f"{split}.txt" for folder in folders if (folder / f"{split}.txt").is_file()), None)
        for line in [] if path is None else read_text(path).splitlines():
            if line.strip() and splits.setdefault(line.split()[0], split) != split:
                raise NpvfError(f"{path}: {line.split()[0]} is in {splits[line.split()[0]]} already.")
    return splits


READER = Reader(
    name="lrs2",
    title="LRS2-BBC",
    use="pre-training",
    get="agreement with the BBC: bbc.co.uk/rd/projects/lip-reading-datasets",
    licence="BBC data sharing agreement (research)",
    layout="mvlrs_v1/{main,pretrain}/<programme>/NNNNN.mp4 and .txt; {train,val,test}.txt beside mvlrs_v1",
    read=read,
    counts={"pretrain": 96_318, "train": 45_839, "val": 1_082, "test": 1_243},
    class_of=lambda record: record.annotation.split or "main, set unknown",
    official={"pretrain": "train", "train": "train", "val": "val", "test": "test"},
)
