"""Prepared corpora as a Lightning data module: what both stages share."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

from pytorch_lightning import LightningDataModule, Trainer
from torch.utils.data import DataLoader

from npvf.clip import FPS, MEL_PER_FRAME, SEGMENT_FRAMES
from npvf.data.augment import Augment
from npvf.data.datasets import EvaluationClips, MemoryClips, TrainingClips, Windows, collate, collate_visits
from npvf.data.sampling import MIN_GATE, EpochSampler, EvaluationSampler
from npvf.data.selection import Part, Selection
from npvf.data.stream import EvaluationStream, Place, TrainingStream
from npvf.data.transforms import ClipTransform, with_margin
from npvf.data.windows import ClipWindows
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.models import NPV, FrameClassifier, InputSpec, PretrainedModel
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
        cache: "memory" decodes each clip once and keeps small tensors, "stream" reads shards while training, "auto"
            streams if the clips would take more than 4 GB of memory.
        steps_per_epoch: steps of an epoch of a stream; None: as many as sample each clip about once.
        workers: loader processes. 0 is enough for clips in memory, since augmentation is quick.
    """

    batch_size: int = 12
    cache: Cache = "auto"
    steps_per_epoch: int | None = None
    workers: int = 0


class ClipData(LightningDataModule, ABC):
    """Prepared corpora, in memory or streamed, as windows in batches that depend on (seed, epoch) alone.

    A resumed run goes on at the step at which its checkpoint was written. A subclass says which clips take part and in
    which order training samples them.

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
        self._memory: dict[Part, MemoryClips] = {}
        self._resumed = {"epoch": 0, "batches": 0}

    @abstractmethod
    def selection(self, part: Part) -> Selection:
        """Return the selection of clips."""

    def training_selections(self) -> list[Selection]:
        """The selections that a training stream draws from in turn."""
        return [self.selection("train")]

    def training_sampler(self, clips: TrainingClips) -> EpochSampler:
        """The sampler of clips in memory."""
        return EpochSampler(len(clips), self.seed, self.place.rank, self.place.world)

    def setup(self, stage: str) -> None:
        """Read what goes into memory.

        Raises:
            NpvfError: a corpus that is missing or unfinished, or one that leaves nothing to train on.
        """
        module = self._trainer.lightning_module
        assert isinstance(module, TrainingModule)
        self.place = Place(self._trainer.global_rank, self._trainer.world_size)
        self.adopt(module.model)
        if self._in_memory() and not self._memory:
            whole = self.windows(augmented=False)
            self._memory = {part: MemoryClips(self.urls(part), whole, self.selection(part)) for part in PARTS}

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

    def collate_visits(self, visits: Sequence[Any]) -> Any:
        """A batch to train on."""
        return collate_visits(visits)

    def collate(self, clips: Sequence[Any]) -> Any:
        """A batch of whole clips."""
        return collate(clips)

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled, augmented windows; for NPV batches of (Batch, starts (B, K))."""
        windows = self.windows(augmented=True)
        if not self._memory:
            return self._loader(self._training_stream(windows), self.collate_visits)
        clips = TrainingClips(self._memory["train"], windows)
        sampler = self.training_sampler(clips)
        sampler.resume(self._epoch, self._batches_done * self.batch_size)
        if len(sampler) < self.batch_size:
            raise NpvfError(
                f"{len(sampler)} windows to train on do not fill a batch of {self.batch_size}: "
                "lower data.loader.batch_size"
            )
        return self._loader(clips, self.collate_visits, sampler, drop_last=True)

    def val_dataloader(self) -> DataLoader[Any]:
        """Batches of whole clips, each clip exactly once."""
        windows = self.windows(augmented=False)
        if not self._memory:
            stream = EvaluationStream(self.urls("val"), windows, self.selection("val"), self.place)
            return self._loader(stream, self.collate)
        clips = EvaluationClips(self._memory["val"], windows)
        return self._loader(clips, self.collate, EvaluationSampler(len(clips), self.place.rank, self.place.world))

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

    def urls(self, part: Part) -> list[str]:
        """The shards of a part."""
        return [url for folder in self.folders(part) for url in Corpus(folder).urls]

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

    def _training_stream(self, windows: ClipWindows) -> TrainingStream:
        if self._trainer.reload_dataloaders_every_n_epochs != 1:  # type: ignore[attr-defined]
            raise NpvfError("a stream is made anew for each epoch: set trainer.reload_dataloaders_every_n_epochs to 1")
        readers = max(1, self.workers)
        clips = sum(len(Corpus(folder)) for folder in self.train)
        steps = self.steps_per_epoch or max(1, clips // (self.batch_size * self.place.world))
        return TrainingStream(
            self.urls("train"),
            windows,
            self.training_selections(),
            visits=ceil(steps / readers) * self.batch_size,
            seed=self.seed,
            epoch=self._epoch,
            place=self.place,
            done=self._batches_done,
            batch_size=self.batch_size,
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
