"""The lines of a corpus that is being prepared, on the disk: memory holds only where each of them is.

So a corpus of millions of videos takes some 150 bytes a video, not the kilobytes of its lines.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

Line = dict[str, Any]
_WAITING = -1
_OFFSET_BITS = 40  # a place is the number of a file and an offset in it, in one number


def work_path(work: Path, video: str) -> Path:
    """Return the path of a finished video without suffix. It is a hash: ids contain slashes and can be too long."""
    return work / hashlib.sha256(os.fsencode(video)).hexdigest()[:32]


class Ledger:
    """The lines of finished videos, by video id. Those of a shard, or of the manifest, are *sealed*.

    Args:
        work: the folder in which finished videos wait for their shard.

    Attributes:
        shards: names of the shards that sealed lines name.
    """

    def __init__(self, work: Path) -> None:
        self.work = work
        self.shards: set[str] = set()
        self._files: list[Path] = []
        self._places: dict[str, int] = {}
        self._open: tuple[int, BinaryIO] | None = None

    def seal(self, path: Path) -> None:
        """Take up a file of lines. A line replaces an earlier one of its video."""
        number = len(self._files) << _OFFSET_BITS
        self._files.append(path)
        with path.open("rb") as file:
            offset = 0
            for content in file:
                line = json.loads(content)
                self._places[line["video"]] = number | offset
                if line["shard"]:
                    self.shards.add(line["shard"])
                offset += len(content)

    def wait(self, video: str) -> None:
        """Take note of a video whose line is in `work`."""
        self._places[video] = _WAITING

    def forget(self, video: str) -> None:
        """Take a video out."""
        del self._places[video]

    def __contains__(self, video: str) -> bool:
        return video in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def is_sealed(self, video: str) -> bool:
        """True if a file of lines has the line."""
        return self._places.get(video, _WAITING) != _WAITING

    def read(self, video: str) -> Line:
        """Return the line of a video."""
        place = self._places[video]
        if place == _WAITING:
            line: Line = json.loads(work_path(self.work, video).with_suffix(".json").read_bytes())
            return line
        number = place >> _OFFSET_BITS
        if self._open is None or self._open[0] != number:
            self.close()
            self._open = number, self._files[number].open("rb")
        file = self._open[1]
        file.seek(place & ((1 << _OFFSET_BITS) - 1))
        line = json.loads(file.readline())
        return line

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def in_order(self, order: Collection[str]) -> Iterator[Line]:
        """All lines: those of `order` first, then those of videos that are not in it. Duplicates name the original."""
        first: dict[bytes, str] = {}
        found = 0
        for video in order:
            if video in self:
                found += 1
                yield _with_original(self.read(video), first)
        if found < len(self._places):
            known = set(order)
            for video in self:
                if video not in known:
                    yield _with_original(self.read(video), first)


def _with_original(line: Line, first: dict[bytes, str]) -> Line:
    """Fill in of which earlier video a line is a duplicate. `first` are the videos by hash, so far."""
    if line["sha256"] is not None:
        original = first.setdefault(bytes.fromhex(line["sha256"])[:16], line["video"])
        line["duplicate_of"] = original if original != line["video"] else None
    return line


class Counts:
    """The counts in `dataset.json`, made while lines pass."""

    def __init__(self) -> None:
        self._inputs = self._prepared = self._duplicates = self._clips = 0
        self._seconds = 0.0
        self._shards: set[str] = set()
        self._refused: Counter[str] = Counter()
        self._phone_sources: Counter[str] = Counter()

    def over(self, lines: Iterable[Line]) -> Iterator[Line]:
        """The same lines."""
        for line in lines:
            self.add(line)
            yield line

    def add(self, line: Line) -> None:
        """Count a line."""
        self._inputs += 1
        self._duplicates += line["duplicate_of"] is not None
        if line["status"] == "refused":
            self._refused[line["reason"]] += 1
            return
        self._prepared += 1
        self._shards.add(line["shard"])
        self._clips += len(line["clips"])
        self._seconds += line["seconds"]
        self._phone_sources.update(filter(None, [line["phone_source"]]))

    def to_json(self) -> Line:
        """Return the counts."""
        return {
            "shards": sorted(self._shards),
            "inputs": self._inputs,
            "prepared": self._prepared,
            "refused": dict(sorted(self._refused.items())),
            "duplicates": self._duplicates,
            "clips": self._clips,
            "hours": self._seconds / 3600,
            "phone_sources": dict(sorted(self._phone_sources.items())),
        }


def count_lines(lines: Iterable[Line]) -> Line:
    """Summarise lines of the manifest for `dataset.json`."""
    counts = Counts()
    for _ in counts.over(lines):
        pass
    return counts.to_json()
