"""Clips as training and evaluation data, decoded once and held in memory (`MemoryClips`).

`stored.py` reads them from their shards each time instead, and gives the same items: for training a `TrainingWindow`,
one random window of a clip with the segments to look at; for evaluation the whole clip as a `Sample`. Nothing that
cannot be read is ever replaced: it raises, with shard and key.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from npvf.clip import MEL_PER_FRAME, POSTERIORS_PER_FRAME, ClipMeta
from npvf.data.sampling import MIN_GATE, Draw, seeded, segment_candidates, segment_starts, window_start
from npvf.data.selection import Selection, describe, naming, people, read_selected
from npvf.data.transforms import ClipTransform, Sample, pad_time
from npvf.data.windows import ClipWindows, encoded_frames
from npvf.errors import NpvfError
from npvf.io import shards
from npvf.io.corpus import Corpus
from npvf.io.urls import Place
from npvf.models.batch import Batch
from npvf.speech.gate import gate

log = logging.getLogger(__name__)


Tag = Callable[[ClipMeta], tuple[Any, ...]]
"""What distinguishes clips for a sampler; it can be hashed."""


def no_tag(meta: ClipMeta) -> tuple[Any, ...]:
    """All clips are alike."""
    return ()


class TrainingWindow(NamedTuple):
    """A window of a clip and the first frames (K,) of the segments to look at in it."""

    sample: Sample
    starts_K: Tensor


@dataclass(frozen=True, slots=True)
class Windows(ClipWindows):
    """The windows that NPV trains on: those with segments that contain enough speech.

    Args:
        transform: crops and augments.
        frames: length of the window; frame features are computed once for it.
        segments: K, segments sliced out of these features.
        min_gate: gated frames that a segment needs at least.
    """

    lacks: ClassVar[str] = "too little speech"

    transform: ClipTransform
    frames: int = 72
    segments: int = 8
    min_gate: int = MIN_GATE

    def gate(self, encoded: shards.Sample) -> Tensor:
        """Frames on which V and A are compared."""
        spec = self.transform.spec
        phones = shards.decode_phones(encoded)
        gate_T = gate(phones, encoded_frames(encoded), spec.gate, frozenset(spec.critical), spec.gate_pad)
        return torch.from_numpy(gate_T)

    def usable(self, gate_T: Tensor) -> bool:
        """True if some 24 frames contain at least `min_gate` gated ones."""
        return bool(segment_candidates(torch.ones_like(gate_T)[None], gate_T[None], self.min_gate).any())

    def start(self, gate_T: Tensor, generator: torch.Generator) -> int:
        """The start of a window with at least one segment, a multiple of the stride of the face stream."""
        return window_start(gate_T, self.frames, self.transform.spec.face_stride, generator, self.min_gate)

    def training_item(self, window: Sample, generator: torch.Generator) -> TrainingWindow:
        """The whole of a sample that is no longer than a window."""
        gate_1T = window.gate_T[None]
        starts_1K = segment_starts(torch.ones_like(gate_1T), gate_1T, self.segments, generator, self.min_gate)
        return TrainingWindow(self.transform.augment(window, generator), starts_1K[0])


class Clips(Protocol):
    """Clips to train or to evaluate on, in memory or in their shards.

    Attributes:
        frames: the length of each clip.
        people: every identity that any of the clips shows or is driven by.
    """

    @property
    def frames(self) -> Sequence[int] | np.ndarray: ...

    @property
    def people(self) -> frozenset[str]: ...

    def __len__(self) -> int: ...

    def tag(self, index: int) -> tuple[Any, ...]:
        """Return the tag that the data module gives a clip, such as its label and manipulation."""

    def sample(self, index: int, windows: ClipWindows, generator: torch.Generator) -> Any:
        """Return the training sample of a random window of a clip."""

    def whole(self, index: int, windows: ClipWindows) -> Any:
        """Return the evaluation sample of a clip."""


class MemoryClips:
    """The clips of some corpora that a selection keeps, decoded once and held as small tensors.

    Raises:
        NpvfError: a sample that cannot be decoded, or a selection that keeps nothing.
    """

    def __init__(self, folders: Sequence[str], windows: ClipWindows, selection: Selection, tag: Tag = no_tag) -> None:
        self.samples: list[Any] = []
        self.tags: list[tuple[Any, ...]] = []
        everyone: set[str] = set()
        left_out: Counter[str] = Counter()
        for encoded in read_selected(_shards(folders), selection, left_out):
            with naming(encoded):
                clip = shards.decode_clip(encoded)
                sample = windows.transform.crop(clip)
            if windows.usable(sample.gate_T):
                self.samples.append(sample)
                self.tags.append(tag(clip.meta))
                everyone |= people(clip.meta)
            else:
                left_out[windows.lacks] += 1
        self.frames = [sample.frames for sample in self.samples]
        self.people = frozenset(everyone)
        log.info("%d clips in memory, %s", len(self.samples), describe(left_out))
        if not self.samples:
            raise nothing_left(folders, left_out)

    def __len__(self) -> int:
        return len(self.samples)

    def tag(self, index: int) -> tuple[Any, ...]:
        """Return the tag that the data module gives a clip."""
        return self.tags[index]

    def sample(self, index: int, windows: ClipWindows, generator: torch.Generator) -> Any:
        """Return the training sample of a random window of a clip."""
        return windows.sample(self.samples[index], generator)

    def whole(self, index: int, windows: ClipWindows) -> Any:
        """Return the evaluation sample of a clip."""
        return windows.whole(self.samples[index])


class TrainingClips(Dataset[Any]):
    """Random windows of clips in memory; a clip longer than a window is listed several times."""

    def __init__(self, clips: Clips, windows: ClipWindows) -> None:
        self.clips, self.windows = clips, windows
        counts = np.fromiter(map(windows.count, clips.frames), np.int32, len(clips))
        self.indices = np.repeat(np.arange(len(clips), dtype=np.int32), counts)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, draw: Draw) -> Any:
        return self.clips.sample(int(self.indices[draw.place]), self.windows, seeded(draw.seed))


class EvaluationClips(Dataset[Any]):
    """Whole clips without augmentation."""

    def __init__(self, clips: Clips, windows: ClipWindows) -> None:
        self.clips, self.windows = clips, windows

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Any:
        return self.clips.whole(index, self.windows)


def nothing_left(folders: Sequence[str], left_out: Counter[str]) -> NpvfError:
    """The error where a selection keeps no clip of some corpora."""
    return NpvfError(f"no clip to work with in {', '.join(folders) or 'an empty corpus'}: {describe(left_out)}")


def _shards(folders: Sequence[str]) -> list[Place]:
    return [path for folder in folders for path in Corpus(folder).paths]


def collate(samples: Sequence[Sample]) -> Batch:
    """One batch, shorter clips padded: tensors repeat their last entry, masks are False there."""
    frames = max(s.frames for s in samples)
    stride, heard = samples[0].face_stride, frames * POSTERIORS_PER_FRAME

    def stack(name: str, length: int) -> Tensor:
        return torch.stack([pad_time(getattr(s, name), length) for s in samples])

    return Batch(
        mouth_BTCHW=stack("mouth_TCHW", frames),
        face_BTCHW=stack("face_TCHW", ceil(frames / stride)),
        mel_BTM=stack("mel_TM", frames * MEL_PER_FRAME),
        gate_BT=stack("gate_T", frames),
        speech_BT=stack("speech_T", frames),
        valid_BT=torch.stack([torch.arange(frames) < s.frames for s in samples]),
        forged_BT=stack("forged_T", frames),
        label_B=torch.tensor([s.label for s in samples]),
        start_B=torch.tensor([s.start for s in samples]),
        keys=[s.key for s in samples],
        videos=[s.video for s in samples],
        identities=[s.identity for s in samples],
        geometry_BTP2=None if samples[0].geometry_TP2 is None else stack("geometry_TP2", frames),
        posteriors_BFP=None if samples[0].posteriors_FP is None else stack("posteriors_FP", heard),
    )


def collate_windows(windows: Sequence[TrainingWindow]) -> tuple[Batch, Tensor]:
    """Batch and the first frames (B, K) of its segments."""
    return collate([w.sample for w in windows]), torch.stack([w.starts_K for w in windows])
