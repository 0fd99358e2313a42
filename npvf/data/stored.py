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
        rows = np.frombuffer(self._rows(folders, selection, tag, left_out), np.int64).reshape(-1, 5)
        log.info("%d clips in shards, %s", len(rows), describe(left_out))
        if not len(rows):
            raise nothing_left(folders, left_out)
        shard_N, offset_N, size_N, frames_N, tag_N = rows[np.lexsort((rows[:, 1], rows[:, 0]))].T
        self._shard_N, self._offset_N, self._size_N = shard_N.astype(np.int32), offset_N.copy(), size_N.astype(np.int32)
        self._frames_N, self._tag_N = frames_N.astype(np.int32), tag_N.astype(np.int32)

    def _rows(self, folders: Sequence[str], selection: Selection, tag: Tag, left_out: Counter[str]) -> array[int]:
        """Shard, offset, size, frames and tag of each clip in a row, the first and the last one by their numbers."""
        rows = array("q")
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
                rows.extend((shard_numbers[entry.shard], entry.offset, entry.size, frames, number))
        self.people, self._tags = frozenset(everyone), list(numbers)
        return rows

    def __len__(self) -> int:
        return len(self._offset_N)

    @property
    def frames(self) -> Sequence[int]:
        """The length of each clip."""
        return self._frames_N.tolist()

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

    def keep(self, indices: Sequence[int]) -> None:
        """Forget all other clips."""
        for name in ("_shard_N", "_offset_N", "_size_N", "_frames_N", "_tag_N"):
            setattr(self, name, getattr(self, name)[list(indices)])
