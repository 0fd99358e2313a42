"""Clips straight from shards, for corpora that do not fit into memory and for object stores."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from torch.utils.data import IterableDataset, get_worker_info

from npvf.data.sampling import derive_seed, seeded
from npvf.data.selection import Selection, describe, naming, read_selected
from npvf.data.windows import ClipWindows
from npvf.errors import NpvfError
from npvf.io import shards

log = logging.getLogger(__name__)
T = TypeVar("T")


class Reader(NamedTuple):
    """Number of a reader of shards, how many readers there are, and how many batches it has given in this epoch."""

    number: int
    readers: int
    batches: int


@dataclass(slots=True)
class Place:
    """This process among the ranks of a training run; a loader's worker adds its own number."""

    rank: int = 0
    world: int = 1

    def consumer(self, done: int = 0) -> Reader:
        """This reader of shards, `done` batches into an epoch.

        Workers give their batches in turn. So worker 0 of a loader that goes on is the one whose turn it is.
        """
        worker = get_worker_info()
        workers = 1 if worker is None else worker.num_workers
        own = (0 if worker is None else worker.id) + done
        turn = own % workers
        return Reader(self.rank * workers + turn, self.world * workers, len(range(turn, done, workers)))


class TrainingStream(IterableDataset[Any]):
    """Random windows read from shards: each reader has its own shards, in a new order in each epoch.

    A stream has no natural end, so an epoch is a number of samples, the same for each reader; shards are repeated.
    Only the window that is used is decoded.

    Args:
        urls: of the shards, local paths or whatever webdataset can open.
        windows: how a clip is looked at.
        selections: one, or one per class; samples are then drawn from each class in turn.
        visits: the number of samples of one reader in an epoch.
        seed, epoch: determine the order.
        buffer: encoded samples among which the next one is drawn.
        done: batches of this epoch that a run resumed in its middle has behind it. Their samples are read past.
        batch_size: samples in a batch; it is used for `done` only.
    """

    def __init__(
        self,
        urls: Sequence[str],
        windows: ClipWindows,
        selections: Sequence[Selection],
        visits: int,
        seed: int,
        epoch: int,
        place: Place,
        buffer: int = 256,
        done: int = 0,
        batch_size: int = 1,
    ) -> None:
        self.urls, self.windows, self.selections = list(urls), windows, list(selections)
        self.done, self.batch_size = done, batch_size
        self.visits, self.seed, self.epoch, self.place, self.buffer = visits, seed, epoch, place, buffer

    def __iter__(self) -> Iterator[Any]:
        reader, readers, batches = self.place.consumer(self.done)
        if readers > len(self.urls):
            raise NpvfError(
                f"{readers} readers (ranks x workers) for {len(self.urls)} shards: prepare with smaller shards, "
                "use fewer workers, or hold the corpus in memory (cache: memory)"
            )
        order = random.Random(derive_seed(self.seed, self.epoch)).sample(self.urls, len(self.urls))
        mine = order[reader::readers]
        classes = [self._endless(mine, selection, reader, c) for c, selection in enumerate(self.selections)]
        for turn in range(self.visits):
            draw = next(classes[turn % len(classes)])
            if turn >= batches * self.batch_size:
                yield self._visit(draw)

    def _endless(self, urls: list[str], selection: Selection, reader: int, kind: int) -> Iterator[StreamDraw]:
        generator = seeded(self.seed, self.epoch, reader, kind)
        while True:
            left_out: Counter[str] = Counter()
            empty = True
            for encoded in shuffle(read_selected(urls, selection, left_out), self.buffer, generator):
                with naming(encoded):
                    gate_T = self.windows.gate(encoded)
                if not self.windows.usable(gate_T):
                    continue
                empty = False
                for _ in range(self.windows.count(len(gate_T))):
                    yield StreamDraw(encoded, gate_T, int(torch.randint(2**62, (), generator=generator)))
            if empty:
                raise NpvfError(f"no clip to work with in {', '.join(urls)}: {describe(left_out)}")

    def _visit(self, draw: StreamDraw) -> Any:
        windows, generator = self.windows, seeded(draw.seed)
        with naming(draw.encoded):
            start = windows.start(draw.gate_T, generator)
            part = shards.decode_clip(draw.encoded, start, windows.frames)
            return windows.visit_window(windows.transform.cut(part), generator)


class StreamDraw(NamedTuple):
    """One sample that is not decoded yet."""

    encoded: shards.Sample
    gate_T: torch.Tensor
    seed: int


class EvaluationStream(IterableDataset[Any]):
    """Whole clips straight from shards, each exactly once over all readers, in the shards' order."""

    def __init__(self, urls: Sequence[str], windows: ClipWindows, selection: Selection, place: Place) -> None:
        self.urls, self.windows, self.selection, self.place = list(urls), windows, selection, place

    def __iter__(self) -> Iterator[Any]:
        reader, readers, _ = self.place.consumer()
        left_out: Counter[str] = Counter()
        for encoded in read_selected(self.urls[reader::readers], self.selection, left_out):
            with naming(encoded):
                cut = self.windows.transform.cut(shards.decode_clip(encoded))
            if not self.windows.usable(cut.gate_T):
                left_out[self.windows.lacks] += 1
                continue
            with naming(encoded):
                whole = self.windows.whole(cut)
            yield whole
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
