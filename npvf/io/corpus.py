"""A prepared corpus on disk: shards, `manifest.jsonl` (one line for each input) and `dataset.json`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from npvf.clip import Clip
from npvf.errors import NpvfError
from npvf.io.files import read_json, read_lines
from npvf.io.shards import Sample, decode_clip, read_tar
from npvf.io.urls import Place, as_place, exists, join

MANIFEST = "manifest.jsonl"
DATASET = "dataset.json"


class HasManifest(Protocol):
    """A prepared corpus, or plain videos that are listed in the same way (`npvf.evaluate.listed_videos`)."""

    @property
    def folder(self) -> Place: ...
    @property
    def manifest(self) -> list[dict[str, Any]]: ...


def is_prepared(place: Place) -> bool:
    """True if there is a prepared corpus at a path or URL, finished or not."""
    dataset = join(as_place(place), DATASET)
    return dataset.is_file() if isinstance(dataset, Path) else exists(dataset)


class Corpus:
    """The prepared corpus that `npvf prepare` writes, in a folder or at a URL.

    Attributes:
        folder: its folder or URL.
        dataset: counts, hours, settings and versions.
    """

    def __init__(self, folder: Place) -> None:
        """Raises NpvfError if `folder` is not a prepared corpus, or if its preparation was not finished."""
        self.folder = as_place(folder)
        try:
            self.dataset: dict[str, Any] = read_json(self.place(DATASET))
        except (FileNotFoundError, NotADirectoryError):
            raise NpvfError(
                f"{self.folder} is not a prepared corpus. Make one with `npvf prepare SRC {self.folder}`."
            ) from None
        if not self.dataset["complete"]:
            raise NpvfError(f"{self.folder} is not finished. Run the same `npvf prepare` again to continue.")

    @cached_property
    def manifest(self) -> list[dict[str, Any]]:
        """One entry for each input, prepared or refused."""
        return read_lines(self.place(MANIFEST))

    def place(self, name: str) -> Place:
        """The path or URL of one of its files."""
        return join(self.folder, name)

    def same_as(self, other: Corpus) -> bool:
        """True if the other corpus is at the same place."""
        here, there = (place.resolve() if isinstance(place, Path) else place for place in (self.folder, other.folder))
        return here == there

    @property
    def paths(self) -> list[Place]:
        """The shards in order."""
        return [self.place(name) for name in self.dataset["shards"]]

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
