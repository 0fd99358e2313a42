"""Any folder of videos, with a sidecar `<stem>.meta.json` beside each."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from npvf.corpora.record import Listing, Reader, Record, listing
from npvf.io.sources import Source, find_sources


def read(root: Path) -> Listing:
    """Read the videos as `npvf prepare FOLDER` does."""
    return listing(root, (as_record(source, root) for source in find_sources(root).items))


def as_record(source: Source, root: Path) -> Record:
    """Turn a source into a record; the path of its mask becomes relative to `root`."""
    annotation = source.annotation
    if source.mask is not None:
        annotation = replace(annotation, mask=os.path.relpath(source.mask, root))
    return Record(source.video, annotation, problem=source.problem, unnamed=not source.annotation.identities)


def class_of(record: Record) -> str:
    """Return the label in words."""
    return {None: "unlabelled", 0: "real", 1: "fake"}[record.annotation.label]


READER = Reader(
    name="folder",
    title="any folder",
    use="any",
    get="",
    licence="",
    layout="*.mp4 (or any video), <stem>.meta.json beside it",
    read=read,
    class_of=class_of,
)
