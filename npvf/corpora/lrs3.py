"""LRS3-TED (Afouras, Chung, Zisserman 2018): talks. Each folder is one talk; the speakers are not identified."""

from __future__ import annotations

from pathlib import Path

from npvf.corpora.files import locate
from npvf.corpora.lrs import find_utterances, without_text
from npvf.corpora.record import Listing, Reader, listing

_SETS = ("pretrain", "trainval", "test")


def read(root: Path) -> Listing:
    """Read the three sets."""
    root = locate(root, *_SETS, what="LRS3")
    records = [record for split in _SETS for record in find_utterances(root, split, split)]
    return listing(root, records, without_text(records))


READER = Reader(
    name="lrs3",
    title="LRS3-TED",
    use="pre-training",
    get="no longer handed out; it was at mmai.io/datasets/lip_reading",
    licence="TED terms, CC BY-NC-ND 4.0",
    layout="{pretrain,trainval,test}/<talk>/NNNNN.mp4 and .txt",
    read=read,
    counts={"pretrain": 118_516, "trainval": 31_982, "test": 1_321},
    class_of=lambda record: record.annotation.split or "",
    official={"pretrain": "train", "trainval": "train", "test": "test"},
)
