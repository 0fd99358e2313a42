"""Draw clips, windows of clips, and segments of windows from numbered seeds.

A draw depends on (seed, epoch, place in the epoch) and on nothing else, so a run can be repeated, and resumed at any
step, whatever the number of workers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, DistributedSampler

from npvf.clip import SEGMENT_FRAMES

# Section 1.3's reading of the paper: a segment with fewer gated frames says too little to compare.
MIN_GATE = 6


class Draw(NamedTuple):
    """One sample of the item at `place`, with the seed for everything random in it."""

    place: int
    seed: int


def derive_seed(*numbers: int) -> int:
    """A seed for `torch.Generator` out of some non-negative numbers: close numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def seeded(*numbers: int) -> torch.Generator:
    """A CPU generator for `derive_seed(*numbers)`."""
    return torch.Generator().manual_seed(derive_seed(*numbers))


def segment_candidates(valid_BT: Tensor, gate_BT: Tensor, min_gate: int = MIN_GATE) -> Tensor:
    """Mark possible starts of segments: (B, T - 23) bool, 24 valid frames of which at least `min_gate` are gated."""
    if valid_BT.shape[1] < SEGMENT_FRAMES:
        return valid_BT.new_zeros(len(valid_BT), 0)
    whole_BT = valid_BT.unfold(1, SEGMENT_FRAMES, 1).all(-1)
    return whole_BT & ((gate_BT & valid_BT).unfold(1, SEGMENT_FRAMES, 1).sum(-1) >= min_gate)


def segment_starts(
    valid_BT: Tensor, gate_BT: Tensor, k: int, generator: torch.Generator | None = None, min_gate: int = MIN_GATE
) -> Tensor:
    """First frames (B, K) long of `k` random segments of each clip, no start twice where a clip has `k` of them.

    Raises:
        ValueError: a clip without any segment; `Selection` keeps such clips out.
    """
    rows = []
    for row, candidates_T in enumerate(segment_candidates(valid_BT, gate_BT, min_gate)):
        starts = candidates_T.nonzero().flatten()
        if not len(starts):
            raise ValueError(f"clip {row} of the batch has no {SEGMENT_FRAMES} frames with {min_gate} gated ones")
        order = starts[torch.randperm(len(starts), generator=generator)]
        rows.append(order.repeat(ceil(k / len(order)))[:k])
    return torch.stack(rows)


def window_start(
    gate_T: Tensor, frames: int, stride: int, generator: torch.Generator | None, min_gate: int = MIN_GATE
) -> int:
    """A random start, a multiple of `stride`, of a window of `frames` frames that holds at least one segment."""
    total = len(gate_T)
    if total <= frames:
        return 0
    starts = segment_candidates(torch.ones_like(gate_T)[None], gate_T[None], min_gate)[0].nonzero().flatten()
    if not len(starts):
        raise ValueError(f"the clip has no {SEGMENT_FRAMES} frames with {min_gate} gated ones")
    segment = int(starts[torch.randint(len(starts), (), generator=generator)])
    # The last window may reach a little past the end, for the sake of the stride.
    first = ceil(max(0, segment + SEGMENT_FRAMES - frames) / stride)
    last = min(segment // stride, ceil((total - frames) / stride))
    return stride * int(torch.randint(first, last + 1, (), generator=generator))


class EpochSampler(DistributedSampler[Draw]):
    """Indices in random order, each once before one comes again, shared out to ranks in equal numbers.

    Where an epoch does not divide evenly over ranks, its first indices are repeated, as every rank must take as many
    steps as the others. Trainers call `set_epoch`; a kind of `DistributedSampler`, so that none wraps it in another.

    Args:
        size: number of indices.
        length: draws an epoch over all ranks, by default `size`.
    """

    def __init__(self, size: int, seed: int = 0, rank: int = 0, world: int = 1, length: int | None = None) -> None:
        super().__init__(_Sized(size), num_replicas=world, rank=rank, seed=seed)
        self.size, self.length = size, length or size
        self.done = 0

    def resume(self, epoch: int, done: int) -> None:
        """Go on with an epoch of which this rank has had `done` draws."""
        self.epoch, self.done = epoch, done

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch; one that goes on is left as it is."""
        if epoch != self.epoch:
            self.resume(epoch, 0)

    def shuffled(self) -> Sequence[int] | np.ndarray:
        """The whole epoch's indices in their order."""
        everything_N = np.arange(self.size, dtype=np.int32)
        return self.rounds(everything_N, self.epoch * self.length, self.length)

    def rounds(self, items: Sequence[int] | np.ndarray, start: int, count: int) -> np.ndarray:
        """`count` entries from place `start` of an endless row of shuffled rounds over `items`, as int32."""
        items_N = np.asarray(items, np.int32)
        result = np.empty(count, np.int32)  # 4 bytes an entry, since an epoch can have a hundred million
        (round_, offset), filled = divmod(start, len(items)), 0
        while filled < count:
            order = torch.randperm(len(items), generator=seeded(self.seed, int(items[0]), round_))[offset:]
            taken = min(len(order), count - filled)
            result[filled : filled + taken] = items_N[order[:taken].numpy()]
            round_, offset, filled = round_ + 1, 0, filled + taken
        return result

    def __iter__(self) -> Iterator[Draw]:
        order = self.shuffled()
        for turn in range(self.done, len(self)):
            place = turn * self.num_replicas + self.rank
            yield Draw(int(order[place % len(order)]), derive_seed(self.seed, self.epoch, place))

    def __len__(self) -> int:
        return ceil(self.length / self.num_replicas)


class BalancedSampler(EpochSampler):
    """Draws classes in turn on each rank. All items of a class come before one is repeated, also across epochs.

    FakeAVCeleb has 42 fakes for every real: drawn as they lie, most batches would hold no real clip at all.

    Args:
        classes: the class of every item; two levels, as (label, manipulation), balance labels first and manipulations
            within them.
        length: draws an epoch, by default twice the largest label's number of items.
    """

    def __init__(
        self,
        classes: Sequence[tuple[Hashable, Hashable]],
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        length: int | None = None,
    ) -> None:
        self.tree: dict[Hashable, dict[Hashable, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, (label, kind) in enumerate(classes):
            self.tree[label][kind].append(index)
        largest = max(sum(map(len, kinds.values())) for kinds in self.tree.values())
        super().__init__(len(classes), seed, rank, world, length or len(self.tree) * largest)

    def shuffled(self) -> list[int]:
        """Labels in turn on every rank, kinds in turn within each label."""
        labels, ranks = sorted(self.tree, key=str), self.num_replicas
        rows_a_rank = ceil(len(self) / len(labels))
        columns = [self._label_order(label, rows_a_rank * ranks) for label in labels]
        rows = list(zip(*columns, strict=True))
        # Distribute at random: if ranks took items in turn, one could always get the same kinds.
        order = seeded(self.seed, self.epoch, 2)
        shares: list[list[int]] = [[] for _ in range(ranks)]
        for first in range(0, len(rows), ranks):
            for share, row in zip(shares, torch.randperm(ranks, generator=order).tolist(), strict=True):
                share += rows[first + row]
        # Mixed within each stretch of a few draws: a fixed real-fake-real rhythm would tie labels to places in a batch.
        generator, stretch = seeded(self.seed, self.epoch, 1), 4 * len(labels)
        for share in shares:
            for start in range(0, len(share), stretch):
                part = share[start : start + stretch]
                share[start : start + stretch] = [part[i] for i in torch.randperm(len(part), generator=generator)]
        return [index for draws in zip(*shares, strict=True) for index in draws]

    def _label_order(self, label: Hashable, share: int) -> list[int]:
        """`share` items of a label, its kinds in turn."""
        kinds = [self.tree[label][kind] for kind in sorted(self.tree[label], key=str)]
        each = ceil(share / len(kinds))
        rows = zip(*(self.rounds(kind, self.epoch * each, each).tolist() for kind in kinds), strict=True)
        return [index for row in rows for index in row][:share]


class EvaluationSampler(DistributedSampler[int]):
    """Every index exactly once over all ranks, in order; some ranks may get one more than others."""

    def __init__(self, size: int, rank: int = 0, world: int = 1) -> None:
        super().__init__(_Sized(size), num_replicas=world, rank=rank, shuffle=False)
        self.indices = range(rank, size, world)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)


class _Sized(Dataset[Any]):
    """All that torch's sampler asks of a dataset."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size
