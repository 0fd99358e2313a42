"""A prepared corpus on disk: shards, `manifest.jsonl` (one line for each input) and `dataset.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from npvf.clip import Clip
from npvf.errors import NpvfError
from npvf.io.files import read_lines
from npvf.io.shards import Sample, decode_clip, read_tar

MANIFEST = "manifest.jsonl"
DATASET = "dataset.json"


class Corpus:
    """The prepared corpus that `npvf prepare` writes.

    Attributes:
        folder: its folder.
        dataset: counts, hours, settings and versions.
    """

    def __init__(self, folder: str | Path) -> None:
        """Raises NpvfError if `folder` is not a prepared corpus, or if its preparation was not finished."""
        self.folder = Path(folder)
        path = self.folder / DATASET
        if not path.is_file():
            raise NpvfError(f"{self.folder} is not a prepared corpus. Make one with `npvf prepare SRC {self.folder}`.")
        self.dataset: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not self.dataset["complete"]:
            raise NpvfError(f"{self.folder} is not finished. Run the same `npvf prepare` again to continue.")

    @cached_property
    def manifest(self) -> list[dict[str, Any]]:
        """One entry for each input, prepared or refused."""
        return read_lines(self.folder / MANIFEST)

    @property
    def paths(self) -> list[Path]:
        """The shards in order."""
        return [self.folder / name for name in self.dataset["shards"]]

    @property
    def samples(self) -> Iterator[Sample]:
        """All samples, still encoded, in the fixed order of the shards."""
        for path in self.paths:
            yield from read_tar(path)

    @property
    def clips(self) -> Iterator[Clip]:
        """All clips in the fixed order of the shards."""
        return map(decode_clip, self.samples)

    def __len__(self) -> int:
        return int(self.dataset["clips"])
