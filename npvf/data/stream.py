"""Clips straight from shards, for corpora that do not fit into memory and for object stores."""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch.utils.data import IterableDataset, get_worker_info

from npvf.clip import FPS, Phones
from npvf.data import shards
from npvf.data.sampling import MIN_GATE, derive_seed, seeded, window_start
from npvf.data.segments import Visit, Windows, has_segment
from npvf.data.selection import Selection, describe, naming, read_meta, read_selected
from npvf.data.transforms import ClipTransform, Sample
from npvf.errors import NpvfError
from npvf.speech.gate import gate

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(slots=True)
class Place:
    """This process among the ranks of a training run; a loader's worker adds its own number."""

    rank: int = 0
    world: int = 1

    def consumer(self) -> tuple[int, int]:
        """Number of this reader of shards, and how many readers there are."""
        worker = get_worker_info()
        if worker is None:
            return self.rank, self.world
        return self.rank * worker.num_workers + worker.id, self.world * worker.num_workers


class TrainingStream(IterableDataset[Visit]):
    """Random visits straight from shards: each reader has its own shards in a new order every epoch.

    A stream has no natural end, so an epoch is a number of visits, the same for every reader, and the shards go round.
    Only the window that is looked at is decoded.

    Args:
        urls: of the shards, local paths or whatever webdataset can open.
        windows: how a clip is looked at.
        selections: one, or one per class; visits are then drawn from each class in turn.
        visits: an epoch's number of visits of one reader.
        seed, epoch: what the order depends on.
        buffer: encoded samples among which the next one is drawn.
    """

    def __init__(
        self,
        urls: Sequence[str],
        windows: Windows,
        selections: Sequence[Selection],
        visits: int,
        seed: int,
        epoch: int,
        place: Place,
        buffer: int = 256,
    ) -> None:
        self.urls, self.windows, self.selections = list(urls), windows, list(selections)
        self.visits, self.seed, self.epoch, self.place, self.buffer = visits, seed, epoch, place, buffer

    def __iter__(self) -> Iterator[Visit]:
        reader, readers = self.place.consumer()
        if readers > len(self.urls):
            raise NpvfError(
                f"{readers} readers (ranks x workers) for {len(self.urls)} shards: prepare with smaller shards, "
                "use fewer workers, or hold the corpus in memory (cache: memory)"
            )
        order = random.Random(derive_seed(self.seed, self.epoch)).sample(self.urls, len(self.urls))
        mine = order[reader::readers]
        classes = [self._endless(mine, selection, reader, c) for c, selection in enumerate(self.selections)]
        for turn in range(self.visits):
            yield next(classes[turn % len(classes)])

    def _endless(self, urls: list[str], selection: Selection, reader: int, kind: int) -> Iterator[Visit]:
        generator = seeded(self.seed, self.epoch, reader, kind)
        while True:
            left_out: Counter[str] = Counter()
            empty = True
            for encoded in shuffle(read_selected(urls, selection, left_out), self.buffer, generator):
                with naming(encoded):
                    for visit in self._visits(encoded, generator):
                        empty = False
                        yield visit
            if empty:
                raise NpvfError(f"no clip to work with in {', '.join(urls)}: {describe(left_out)}")

    def _visits(self, encoded: shards.Sample, generator: torch.Generator) -> Iterator[Visit]:
        spec = self.windows.transform.spec
        start, end = read_meta(encoded).span
        frames = round((end - start) * FPS)
        phones = Phones.from_json(json.loads(encoded["phones.json"]))
        gate_T = torch.from_numpy(gate(phones, frames, spec.gate, frozenset(spec.critical), spec.gate_pad))
        if not has_segment(gate_T, self.windows.min_gate):
            return
        for _ in range(self.windows.count(frames)):
            start = window_start(gate_T, self.windows.frames, spec.face_stride, generator, self.windows.min_gate)
            part = shards.decode_clip(encoded, start, self.windows.frames)
            yield self.windows.visit_window(self.windows.transform.cut(part), generator)


class EvaluationStream(IterableDataset[Sample]):
    """Whole clips straight from shards, each exactly once over all readers, in the shards' order."""

    def __init__(
        self,
        urls: Sequence[str],
        transform: ClipTransform,
        selection: Selection,
        place: Place,
        min_gate: int = MIN_GATE,
    ) -> None:
        self.urls, self.transform, self.selection = list(urls), transform, selection
        self.place, self.min_gate = place, min_gate

    def __iter__(self) -> Iterator[Sample]:
        reader, readers = self.place.consumer()
        left_out: Counter[str] = Counter()
        for encoded in read_selected(self.urls[reader::readers], self.selection, left_out):
            with naming(encoded):
                sample = self.transform(shards.decode_clip(encoded))
            if has_segment(sample.gate_T, self.min_gate):
                yield sample
            else:
                left_out["too little speech"] += 1
        log.info("reader %d of %d: %s", reader + 1, readers, describe(left_out))


def shuffle(items: Iterable[T], size: int, generator: torch.Generator) -> Iterator[T]:
    """Each time a random one of the next `size` items."""
    buffer: list[T] = []
    for item in items:
        if len(buffer) < size:
            buffer.append(item)
            continue
        place = int(torch.randint(size, (), generator=generator))
        buffer[place], item = item, buffer[place]
        yield item
    for place in torch.randperm(len(buffer), generator=generator):
        yield buffer[place]
