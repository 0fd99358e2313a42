"""Clips read from their shards each time, for corpora that do not fit into memory.

A draw reads one sample and decodes one window of it, wherever it lies: so a run from shards takes the same windows in
the same order as a run from memory, with any number of shards, workers and ranks.
"""

from __future__ import annotations

import logging
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from npvf.data.datasets import Tag, no_tag, nothing_left
from npvf.data.selection import Selection, describe, naming, people
from npvf.data.windows import ClipWindows, span_frames
from npvf.errors import NpvfError
from npvf.io import shards
from npvf.io.corpus import Corpus
from npvf.io.entries import read_entries

log = logging.getLogger(__name__)

# A clip in which no window can be drawn is replaced by another one of its tag, so many times at most.
_TRIES = 100


class StoredClips:
    """The clips of some corpora that a selection keeps, left in their shards.

    Memory holds some 30 bytes a clip: its place, its length and its tag. Labels and places come from the manifests.
    Whether a clip has too little speech is only known when it is read; then another clip of its tag is drawn.

    Args:
        folders: prepared corpora.
        selection: which of their clips.
        tag: what distinguishes clips for the sampler, such as label and manipulation.

    Raises:
        NpvfError: a selection that keeps nothing.
    """

    def __init__(self, folders: Sequence[str], selection: Selection, tag: Tag = no_tag) -> None:
        self.shards: list[str] = []
        left_out: Counter[str] = Counter()
        columns = self._columns(folders, selection, tag, left_out)
        log.info("%d clips in shards, %s", len(columns[0]), describe(left_out))
        if not len(columns[0]):
            raise nothing_left(folders, left_out)
        self._shard_N, self._offset_N, self._size_N, self._frames_N, self._tag_N = columns
        if not self._in_order():  # a manifest is in the order of its shards, unless one was made anew
            self.keep(np.lexsort((self._offset_N, self._shard_N)))

    def _in_order(self) -> bool:
        same_shard = self._shard_N[1:] == self._shard_N[:-1]
        behind = np.where(same_shard, self._offset_N[1:] > self._offset_N[:-1], self._shard_N[1:] > self._shard_N[:-1])
        return bool(behind.all())

    def _columns(
        self, folders: Sequence[str], selection: Selection, tag: Tag, left_out: Counter[str]
    ) -> list[np.ndarray]:
        """Shard, offset, size, frames and tag of each clip, the first and the last one by their numbers."""
        columns = [array(kind) for kind in "iqiii"]
        numbers: dict[tuple[Any, ...], int] = {}
        everyone: set[str] = set()
        for folder in folders:
            corpus = Corpus(folder)
            shard_numbers = {name: len(self.shards) + n for n, name in enumerate(corpus.dataset["shards"])}
            self.shards += map(str, corpus.paths)
            for entry in read_entries(corpus):
                reason = selection.reason_against(entry.meta)
                if reason is not None:
                    left_out[reason] += 1
                    continue
                everyone |= people(entry.meta)
                found = tag(entry.meta)
                number = numbers.setdefault(found, len(numbers))
                frames = span_frames(entry.meta.span)
                row = (shard_numbers[entry.shard], entry.offset, entry.size, frames, number)
                for column, value in zip(columns, row, strict=True):
                    column.append(value)
        self.people, self._tags = frozenset(everyone), list(numbers)
        return [np.frombuffer(column, column.typecode) for column in columns]

    def __len__(self) -> int:
        return len(self._offset_N)

    @property
    def frames(self) -> np.ndarray:
        """The length of each clip."""
        return self._frames_N

    def tag(self, index: int) -> tuple[Any, ...]:
        """Return the tag that the data module gives a clip."""
        return self._tags[self._tag_N[index]]

    def read(self, index: int, parts: tuple[str, ...] | None = None) -> shards.Sample:
        """A clip, still encoded, or only some of its files."""
        path = self.shards[self._shard_N[index]]
        return shards.read_sample(path, int(self._offset_N[index]), int(self._size_N[index]), parts)

    def sample(self, index: int, windows: ClipWindows, generator: torch.Generator) -> Any:
        """Return the training sample of a random window of a clip; if it has no window, of another clip with its tag.

        Raises:
            NpvfError: a sample that cannot be decoded, or none of many clips has a window.
        """
        for _ in range(_TRIES):
            encoded = self.read(index)
            with naming(encoded):
                gate_T = windows.gate(encoded)
                if windows.usable(gate_T):
                    return windows.sample_encoded(encoded, gate_T, generator)
            alike_N = np.flatnonzero(self._tag_N == self._tag_N[index])
            index = int(alike_N[torch.randint(len(alike_N), (), generator=generator)])
        raise NpvfError(
            f"{_TRIES} clips in a row cannot be used ({windows.lacks}), among others of {Path(encoded.shard).parent}"
        )

    def whole(self, index: int, windows: ClipWindows) -> Any:
        """Return the evaluation sample of a clip."""
        encoded = self.read(index)
        with naming(encoded):
            return windows.whole(windows.transform.crop(shards.decode_clip(encoded)))

    def usable(self, indices: Iterable[int], windows: ClipWindows) -> list[int]:
        """Return the clips that contain a window. Video and audio are not read."""
        kept = []
        for index in indices:
            encoded = self.read(index, shards.LIGHT_PARTS)
            with naming(encoded):
                if windows.usable(windows.gate(encoded)):
                    kept.append(index)
        return kept

    def keep(self, indices: Sequence[int] | np.ndarray) -> None:
        """Keep these clips, in this order, and forget all others."""
        for name in ("_shard_N", "_offset_N", "_size_N", "_frames_N", "_tag_N"):
            setattr(self, name, getattr(self, name)[np.asarray(indices, np.int64)])
