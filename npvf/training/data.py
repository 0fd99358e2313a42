"""Prepared corpora as a Lightning data module: what both stages share."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pytorch_lightning import LightningDataModule, Trainer
from torch.utils.data import DataLoader

from npvf.clip import FPS, MEL_PER_FRAME, SEGMENT_FRAMES, ClipMeta
from npvf.data.augment import Augment
from npvf.data.datasets import Clips, EvaluationClips, MemoryClips, TrainingClips, Windows, collate, collate_windows
from npvf.data.sampling import MIN_GATE, EpochSampler, EvaluationSampler
from npvf.data.selection import Part, Selection
from npvf.data.stored import StoredClips
from npvf.data.transforms import ClipTransform, with_margin
from npvf.data.windows import ClipWindows
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.models import NPV, FrameClassifier, InputSpec, PretrainedModel
from npvf.training.gather import gather
from npvf.training.module import TrainingModule

log = logging.getLogger(__name__)

Cache = Literal["auto", "memory", "stream"]
PARTS: tuple[Part, ...] = ("train", "val")
MEMORY_LIMIT = 4 * 2**30


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class ClipSelection:
    """The selection of videos of the prepared corpora.

    Args:
        include: shell patterns on the videos' ids; a video takes part if one of them matches.
        exclude: shell patterns on the videos' ids; a video does not take part if one of them matches.
    """

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class SegmentWindows:
    """The window of a clip that a training step uses, and the segments of 0.96 s within it.

    Args:
        segments: segments of a window. Frame features are computed once a window, so more segments cost almost nothing.
        frames: length of the window in video frames; the default is three segments long, so that starts differ.
        min_gate: gated frames that a segment needs to be drawn.
    """

    segments: int = 8
    frames: int = 72
    min_gate: int = MIN_GATE


@dataclass(frozen=True)
class Loader:
    """The settings for reading and batching clips.

    Args:
        batch_size: clips a step, on each GPU.
        cache: "memory" decodes each clip once and keeps small tensors, "stream" reads each window from
            the shards when it is needed, in the same order, "auto" streams if the clips would take more than 4 GB of
            memory.
        steps_per_epoch: steps of an epoch; None: as many as take each window of every clip once.
        workers: loader processes. 0 is enough for clips in memory, since augmentation is quick.
    """

    batch_size: int = 12
    cache: Cache = "auto"
    steps_per_epoch: int | None = None
    workers: int = 0


class ClipData(LightningDataModule, ABC):
    """Prepared corpora, in memory or in shards, as windows in batches.

    The batches depend on the seed and the epoch alone: not on the number of workers, and not on whether the clips are
    in memory. A resumed run goes on at the step at which its checkpoint was written. A subclass says which clips take
    part and in which order training draws them.

    Args:
        train: prepared corpora to train on.
        val: prepared corpora to validate on; None: those of `train`.
        windows: what a step looks at in a clip.
        augment: random changes of picture and sound; None: no changes.
        loader: how clips are read and batched.
        seed: of every random draw.
    """

    def __init__(
        self,
        train: list[str],
        val: list[str] | None,
        windows: SegmentWindows,
        augment: Augment | None,
        loader: Loader,
        seed: int,
    ) -> None:
        super().__init__()
        self.train, self.val = train, val
        self.segments, self.clip_frames, self.min_gate = windows.segments, windows.frames, windows.min_gate
        self.augment, self.seed = augment, seed
        self.batch_size, self.cache = loader.batch_size, loader.cache
        self.steps_per_epoch, self.workers = loader.steps_per_epoch, loader.workers
        self._clips: dict[Part, Clips] = {}
        self._resumed = {"epoch": 0, "batches": 0}

    @abstractmethod
    def selection(self, part: Part) -> Selection:
        """Return the selection of clips."""

    def tag(self, meta: ClipMeta) -> tuple[Any, ...]:
        """Return a tag that `training_sampler` distinguishes clips by."""
        return ()

    def training_sampler(self, clips: TrainingClips, length: int | None) -> EpochSampler:
        """The order in which training takes windows of clips; `length` of them an epoch, by default each once."""
        return EpochSampler(len(clips), self.seed, self._trainer.global_rank, self._trainer.world_size, length)

    def setup(self, stage: str) -> None:
        """Read the clips, or where they lie.

        Raises:
            NpvfError: a corpus that is missing or unfinished, or one that leaves nothing to train or
                validate on, on every rank alike.
        """
        module = self._trainer.lightning_module
        assert isinstance(module, TrainingModule)
        self.adopt(module.model)
        if self._clips:
            return
        self._clips = {part: self._read(part) for part in PARTS}
        world = self._trainer.world_size
        if self._trainer.limit_val_batches and len(self._clips["val"]) < world:
            raise NpvfError(
                f"{len(self._clips['val'])} clips to validate on are too few for {world} processes: each needs one. "
                "Train on fewer devices, prepare more validation clips, or set trainer.limit_val_batches to 0."
            )

    def _read(self, part: Part) -> Clips:
        """The clips of a part, the same on every rank."""
        windows = self.windows(augmented=part == "train")  # memory keeps what the part's windows are cut from
        if self._in_memory():
            return MemoryClips(self.folders(part), windows, self.selection(part), self.tag)
        clips = StoredClips(self.folders(part), self.selection(part), self.tag)
        if part == "val":
            # Every clip must give a result, so each rank looks through its share for those without a window.
            share = range(self._trainer.global_rank, len(clips), self._trainer.world_size)
            clips.keep(sorted(gather(clips.usable(share, windows))))
        return clips

    def adopt(self, model: PretrainedModel) -> None:
        """Cut clips as the model's configuration says. Raises NpvfError where the windows do not suit it."""
        assert isinstance(model, NPV | FrameClassifier)
        self.spec = model.config.inputs
        shortest = SEGMENT_FRAMES + self.spec.face_stride
        if self.clip_frames < shortest:
            raise NpvfError(
                f"data.windows.frames must be at least {shortest}: one segment and one step of the face stream"
            )

    def windows(self, augmented: bool) -> ClipWindows:
        """The windows of clips; for evaluation without augmentation."""
        transform = ClipTransform(self.spec, self.augment if augmented else None)
        return Windows(transform, self.clip_frames, self.segments, self.min_gate)

    def bytes_per_frame(self) -> int:
        """Return the bytes that one video frame takes in memory."""
        return bytes_per_frame(self.spec)

    def collate_windows(self, windows: Sequence[Any]) -> Any:
        """A batch to train on."""
        return collate_windows(windows)

    def collate(self, clips: Sequence[Any]) -> Any:
        """A batch of whole clips."""
        return collate(clips)

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled, augmented windows; for NPV batches of (Batch, starts (B, K))."""
        clips = TrainingClips(self._clips["train"], self.windows(augmented=True))
        steps = self.steps_per_epoch
        sampler = self.training_sampler(clips, steps and steps * self.batch_size * self._trainer.world_size)
        sampler.resume(self._epoch, self._batches_done * self.batch_size)
        if len(sampler) < self.batch_size:
            raise NpvfError(
                f"{len(sampler)} windows to train on do not fill a batch of {self.batch_size}: "
                "lower data.loader.batch_size"
            )
        return self._loader(clips, self.collate_windows, sampler, drop_last=True)

    def val_dataloader(self) -> DataLoader[Any]:
        """Batches of whole clips, each clip exactly once."""
        clips = EvaluationClips(self._clips["val"], self.windows(augmented=False))
        sampler = EvaluationSampler(len(clips), self._trainer.global_rank, self._trainer.world_size)
        return self._loader(clips, self.collate, sampler)

    def state_dict(self) -> dict[str, int]:
        """Return the progress of a run: its epoch, and the number of finished batches of it."""
        loop, epoch = self._trainer.fit_loop, self._trainer.current_epoch
        in_the_middle = loop.epoch_progress.current.ready > epoch
        return {"epoch": epoch, "batches": loop.epoch_loop.batch_progress.current.ready if in_the_middle else 0}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Let the loader of that epoch go on there."""
        self._resumed = state_dict

    @property
    def _epoch(self) -> int:
        """The epoch to load. A trainer may ask for its loader before it knows that it is resumed."""
        return max(self._trainer.current_epoch, self._resumed["epoch"])

    @property
    def _batches_done(self) -> int:
        return self._resumed["batches"] if self._epoch == self._resumed["epoch"] else 0

    def folders(self, part: Part) -> list[str]:
        """The corpora of a part; without corpora of its own, validation reads those of training."""
        return self.train if part == "train" or self.val is None else self.val

    @property
    def _trainer(self) -> Trainer:
        assert self.trainer is not None, "a trainer sets up the data it is given"
        return self.trainer

    def _loader(self, dataset: Any, collate_fn: Any, sampler: Any = None, drop_last: bool = False) -> DataLoader[Any]:
        return DataLoader(
            dataset,
            self.batch_size,
            sampler=sampler,
            num_workers=self.workers,
            collate_fn=collate_fn,
            drop_last=drop_last,
            pin_memory=self._trainer.strategy.root_device.type == "cuda",
        )

    def _in_memory(self) -> bool:
        if self.cache != "auto":
            return self.cache == "memory"
        hours = sum(Corpus(folder).dataset["hours"] for folder in {*self.train, *(self.val or [])})
        size = hours * 3600 * FPS * self.bytes_per_frame()
        log.info("the corpora would take %.1f GB of memory", size / 1e9)
        return size < MEMORY_LIMIT


def bytes_per_frame(spec: InputSpec) -> int:
    """Return the bytes that one video frame takes in memory."""
    mouth = with_margin(spec.mouth_size) ** 2 * spec.mouth_channels
    face = spec.face_size**2 * spec.face_channels // spec.face_stride
    return mouth + face + 4 * MEL_PER_FRAME * spec.n_mels
