"""A labelled prepared corpus for stage 2: nobody in validation was seen in training, and classes come in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pytorch_lightning import Trainer

from npvf.clip import FAKE, REAL, ClipMeta
from npvf.corpora.splits import Split, part_videos, read_split
from npvf.data.augment import Augment
from npvf.data.datasets import TrainingClips
from npvf.data.sampling import BalancedSampler, EpochSampler
from npvf.data.selection import Part, Selection, check_disjoint
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.training.data import ClipData, ClipSelection, Loader, SegmentWindows


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class LabelledClips(ClipSelection):
    """The videos for training and validation. No person may be in both.

    Args:
        include: see `ClipSelection`; for both parts, like `exclude`.
        exclude: see `ClipSelection`; `exclude: [calibrated/*]` leaves one kind of forgery out.
        train_split: value of `split` in the meta data of training clips; null: any value.
        val_split: value of `split` in the meta data of validation clips; null: any value.
        val_identities: people who are kept for validation, in place of the splits.
        split_file: one or more split files (`npvf corpora split`) in place of the meta data; `train_split` and
            `val_split` then name their parts.
    """

    train_split: str | None = "train"
    val_split: str | None = "val"
    val_identities: tuple[str, ...] | None = None
    split_file: tuple[str, ...] | str = ()


class LabelledFaces(ClipData):
    """Real and forged talking faces. Clips without a label do not take part.

    Args:
        train: prepared corpora to train on.
        val: prepared corpora to validate on; null: those of `train`.
        clips: which videos are trained on and which are validated on.
        balance: real and fake in turn, and manipulations in turn among the fakes; FakeAVCeleb has 42 fakes a real.
        windows: what a step looks at in a clip.
        augment: random changes of picture and sound, null for none.
        loader: how clips are read and batched.
        seed: of every random draw. The command sets it to `seed_everything`.

    Raises:
        NpvfError: `clips` has both a split file and people to keep for validation.
    """

    def __init__(
        self,
        train: list[str],
        val: list[str] | None = None,
        clips: LabelledClips = LabelledClips(),
        balance: bool = True,
        windows: SegmentWindows = SegmentWindows(segments=4),
        augment: Augment | None = Augment(),
        loader: Loader = Loader(),
        seed: int = 0,
    ) -> None:
        super().__init__(train, val, windows, augment, loader, seed)
        self.balance = balance
        self.splits: dict[Part, str | None] = {"train": clips.train_split, "val": clips.val_split}
        self.val_identities = None if clips.val_identities is None else frozenset(clips.val_identities)
        self.split_file = [clips.split_file] if isinstance(clips.split_file, str) else list(clips.split_file)
        self._videos: dict[Part, frozenset[str]] = {}
        if self.split_file and self.val_identities is not None:
            raise NpvfError(
                "give either data.clips.split_file or data.clips.val_identities: each says who is kept for validation"
            )
        self.labelled = Selection(label="known", include=clips.include, exclude=clips.exclude)

    @cached_property
    def splits_read(self) -> list[Split]:
        """The splits of `split_file`."""
        return [read_split(file) for file in self.split_file]

    def setup(self, stage: str) -> None:
        """Set up as in pre-training, and check the labels.

        An objective that makes fakes of genuine clips' features (`FeatureFakes`) needs no forged clip in training.
        Validation always needs both classes: a threshold cannot be chosen on genuine clips alone.

        Raises:
            NpvfError: someone is in both parts, or a part lacks a class.
        """
        super().setup(stage)
        check_disjoint(self._clips["train"].people, self._clips["val"].people)
        for part, clips in self._clips.items():
            labels = Counter(label for label, _ in (clips.tag(index) for index in range(len(clips))))
            enough = labels[FAKE] or (part == "train" and self._makes_fakes())
            if not labels[REAL] or not enough:
                counts = f"{labels[REAL]} real and {labels[FAKE]} fake clips"
                raise NpvfError(f"the {part} part holds {counts}: both are needed. {self._where(part)}")

    def _makes_fakes(self) -> bool:
        fakes = getattr(self._trainer.lightning_module.objective, "feature_fakes", None)
        return fakes is not None and fakes.weight > 0

    def selection(self, part: Part) -> Selection:
        """Labelled speakers of one part."""
        if self.split_file:
            return replace(self.labelled, videos=self._split_videos(part))
        if self.val_identities is None:
            return replace(self.labelled, split=self.splits[part])
        if part == "val":
            return replace(self.labelled, identities=self.val_identities)
        return replace(self.labelled, no_identities=self.val_identities)

    def label(self, meta: ClipMeta) -> int | None:
        """The class of a clip."""
        return meta.label

    def tag(self, meta: ClipMeta) -> tuple[int | None, str | None]:
        """Label and manipulation."""
        return self.label(meta), meta.manipulation

    def training_sampler(self, clips: TrainingClips, length: int | None) -> EpochSampler:
        """Balanced over labels and manipulations."""
        if not self.balance:
            return super().training_sampler(clips, length)
        tags = [clips.clips.tag(index) for index in clips.indices.tolist()]
        turns, default = self.turns([label for label, _ in tags])
        classes = [(turn, manipulation) for turn, (_, manipulation) in zip(turns, tags, strict=True)]
        return BalancedSampler(
            classes, self.seed, self._trainer.global_rank, self._trainer.world_size, length or default
        )

    def turns(self, labels: Sequence[int | None]) -> tuple[list[Hashable], int | None]:
        """Return the classes to draw in turn (labels), and the length of an epoch; None: that of `BalancedSampler`."""
        return list(labels), None

    def _split_videos(self, part: Part) -> frozenset[str]:
        if part not in self._videos:
            corpora = [Corpus(folder) for folder in self.folders(part)]
            self._videos[part] = part_videos(self.splits_read, self.splits[part] or part, corpora)
        return self._videos[part]

    def _where(self, part: Part) -> str:
        if self.val_identities is not None:
            return "Look at data.clips.val_identities."
        if self.split_file:
            return f"It is the part {self.splits[part]!r} of data.clips.split_file."
        return f"It is the clips whose `split` is {self.splits[part]!r} (data.clips.{part}_split)."


def splits_used(trainer: Trainer) -> dict[str, Any]:
    """Return the splits that training used, as the folder of the detector records them; empty without split files."""
    splits = getattr(trainer.datamodule, "splits_read", [])  # type: ignore[attr-defined]
    return {"splits": [split.describe() for split in splits]} if splits else {}
