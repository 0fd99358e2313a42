"""Real talking faces for stage 1, as a Lightning data module."""

from __future__ import annotations

from dataclasses import dataclass, replace

from npvf.data.augment import Augment
from npvf.data.selection import Part, Selection
from npvf.training.data import ClipData, ClipSelection, Loader, SegmentWindows


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class RealClips(ClipSelection):
    """The videos for pre-training. The patterns do not apply to corpora that `val` names.

    Args:
        include: see `ClipSelection`.
        exclude: see `ClipSelection`.
        held_out: share of the people in `train` that is kept for validation if `val` is None; a video without a known
            identity counts as a person. Who that is depends on the names alone, so that adding videos moves nobody.
            With few people the share can come out far off: name corpora for `val` then.
    """

    held_out: float = 0.1


class TalkingFaces(ClipData):
    """Real talking faces for stage 1. Clips labelled fake do not take part; clips without a label count as real.

    Neither paper says how much data of which kind a step takes; all defaults are our choice.

    Args:
        train: prepared corpora to train on.
        val: prepared corpora to validate on; None: a share of the people in `train`.
        clips: which videos take part.
        windows: what a step looks at in a clip.
        augment: random changes of picture and sound, null for none.
        loader: how clips are read and batched. 12 clips of 8 segments make 96 segments to tell apart; the contrastive
            losses need at least 64.
        seed: of every random draw. The command sets it to `seed_everything`.
    """

    def __init__(
        self,
        train: list[str],
        val: list[str] | None = None,
        clips: RealClips = RealClips(),
        windows: SegmentWindows = SegmentWindows(),
        augment: Augment | None = Augment(),
        loader: Loader = Loader(),
        seed: int = 0,
    ) -> None:
        super().__init__(train, val, windows, augment, loader, seed)
        self.clips = clips

    def selection(self, part: Part) -> Selection:
        """Real speakers of one part."""
        real = Selection(label="unforged")
        if self.val is not None and part == "val":
            return real
        named = replace(real, include=self.clips.include, exclude=self.clips.exclude)
        return named if self.val is not None else replace(named, part=part, held_out=self.clips.held_out)
