"""Real talking faces for stage 1, as a Lightning data module."""

from __future__ import annotations

from dataclasses import replace

from npvf.data.augment import Augment
from npvf.data.sampling import MIN_GATE
from npvf.data.selection import Part, Selection
from npvf.training.data import Cache, ClipData


class TalkingFaces(ClipData):
    """Real talking faces for stage 1. Clips labelled fake take no part; clips without a label count as real.

    Neither paper says how much of this there was (1.8 of the facts: "not found"); the values are ours.

    Args:
        train: prepared corpora.
        val: prepared corpora to validate on; None: a share of the videos of `train`.
        held_out: that share. Which videos depends on their ids alone, so adding videos moves none.
        include, exclude: shell patterns on the videos' ids, for training and a `val` of None.
        batch_size: clips a step. 12 clips of 8 segments make 96 segments to tell apart (the loss wants at least 64).
        segments: segments a clip. Frame features are computed once a clip, so further ones cost next to nothing.
        clip_frames: window a step looks at; three segments long, so that starts differ.
        min_gate: gated frames a segment needs.
        augment: random changes of picture and sound, null for none.
        cache: "memory" decodes once and keeps small tensors, "stream" reads shards, "auto" streams above 4 GB.
        steps_per_epoch: of a stream; by default about one visit a clip.
        workers: loader processes; with clips in memory augmentation is so quick that 0 does.
        seed: of every draw. The command links it to `seed_everything`.
    """

    def __init__(
        self,
        train: list[str],
        val: list[str] | None = None,
        held_out: float = 0.1,
        include: list[str] | None = None,
        exclude: list[str] | None = None,
        batch_size: int = 12,
        segments: int = 8,
        clip_frames: int = 72,
        min_gate: int = MIN_GATE,
        augment: Augment | None = Augment(),  # noqa: B008  (frozen)
        cache: Cache = "auto",
        steps_per_epoch: int | None = None,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            train, val, batch_size, segments, clip_frames, min_gate, augment, cache, steps_per_epoch, workers, seed
        )
        self.held_out = held_out
        self.include, self.exclude = tuple(include or ["*"]), tuple(exclude or [])

    def selection(self, part: Part) -> Selection:
        """Real speakers of one part."""
        real = Selection(label="unforged")
        if self.val is not None and part == "val":
            return real
        named = replace(real, include=self.include, exclude=self.exclude)
        return named if self.val is not None else replace(named, part=part, held_out=self.held_out)
