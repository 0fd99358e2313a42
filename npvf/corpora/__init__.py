"""Readers for public corpora as they are on disk. Each reads into the same `Record`s; one file for each corpus."""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path

from npvf.corpora.record import Listing, Reader, Record
from npvf.errors import NpvfError
from npvf.io.sources import Source, Sources

PRE_TRAINING = ("voxceleb2", "lrs2", "lrs3", "avspeech", "grid")
DETECTION = (
    "fakeavceleb",
    "dfdc",
    "dfdc_preview",
    "faceforensics",
    "celebdf",
    "kodf",
    "deepfaketimit",
    "lavdf",
    "avdeepfake1m",
    "manualfake",
)
NAMES = (*PRE_TRAINING, *DETECTION, "folder", "csv")

__all__ = ["DETECTION", "NAMES", "PRE_TRAINING", "Listing", "Reader", "Record", "corpus_sources", "get_reader"]


def get_reader(name: str) -> Reader:
    """Return the reader of a corpus. Raises NpvfError if the name is not in `NAMES`."""
    if name not in NAMES:
        near = difflib.get_close_matches(name.lower(), NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "`npvf corpora` lists the names"
        raise NpvfError(f"unknown corpus {name!r}; {hint}")
    module = import_module(f"npvf.corpora.{'csv_list' if name == 'csv' else name}")
    reader: Reader = module.READER
    return reader


def corpus_sources(name: str, root: Path) -> Sources:
    """Return all videos of a corpus for `npvf.prepare.run`, including those that are missing or cannot be used."""
    listing = get_reader(name).read(root)
    return Sources([_source(listing.root, record) for record in listing.records])


def _source(root: Path, record: Record) -> Source:
    mask, audio = (None if part is None else root / part for part in (record.annotation.mask, record.audio))
    return Source(record.path, root / record.place, record.annotation, record.problem, mask=mask, audio=audio)
