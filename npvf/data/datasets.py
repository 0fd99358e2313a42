"""Clips as training and evaluation data, decoded once and held in memory; `stream.py` reads them from shards instead.

Both give the same items: for training a `Visit`, one random window of a clip with the segments to look at; for
evaluation the whole clip as a `Sample`. Nothing that cannot be read is ever replaced: it raises, with shard and key.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from npvf.clip import MEL_PER_FRAME, ClipMeta, Phones
from npvf.data.sampling import MIN_GATE, Draw, seeded, segment_candidates, segment_starts, window_start
from npvf.data.selection import Selection, describe, naming, read_selected
from npvf.data.transforms import ClipTransform, Sample, pad_time
from npvf.data.windows import ClipWindows, encoded_frames
from npvf.errors import NpvfError
from npvf.io import shards
from npvf.models.batch import Batch
from npvf.speech.gate import gate

log = logging.getLogger(__name__)


class Visit(NamedTuple):
    """A window of a clip and the first frames (K,) of the segments to look at in it."""

    sample: Sample
    starts_K: Tensor


@dataclass(frozen=True, slots=True)
class Windows(ClipWindows):
    """The windows that NPV trains on: those with segments that contain enough speech.

    Args:
        transform: cuts and augments.
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
        phones = Phones.from_json(json.loads(encoded["phones.json"]))
        gate_T = gate(phones, encoded_frames(encoded), spec.gate, frozenset(spec.critical), spec.gate_pad)
        return torch.from_numpy(gate_T)

    def usable(self, gate_T: Tensor) -> bool:
        """True if some 24 frames contain at least `min_gate` gated ones."""
        return bool(segment_candidates(torch.ones_like(gate_T)[None], gate_T[None], self.min_gate).any())

    def start(self, gate_T: Tensor, generator: torch.Generator) -> int:
        """The start of a window with at least one segment, a multiple of the stride of the face stream."""
        return window_start(gate_T, self.frames, self.transform.spec.face_stride, generator, self.min_gate)

    def visit_window(self, window: Sample, generator: torch.Generator) -> Visit:
        """The whole of a sample that is no longer than a window."""
        gate_1T = window.gate_T[None]
        starts_1K = segment_starts(torch.ones_like(gate_1T), gate_1T, self.segments, generator, self.min_gate)
        return Visit(self.transform.finish(window, generator), starts_1K[0])


class MemoryClips:
    """The clips of some corpora that a selection keeps, decoded once and held as small tensors.

    Raises:
        NpvfError: a sample that cannot be decoded, or a selection that keeps nothing.
    """

    def __init__(self, urls: Sequence[str], windows: ClipWindows, selection: Selection) -> None:
        self.samples: list[Any] = []
        self.metas: list[ClipMeta] = []
        left_out: Counter[str] = Counter()
        for encoded in read_selected(urls, selection, left_out):
            with naming(encoded):
                clip = shards.decode_clip(encoded)
                sample = windows.transform.cut(clip)
            if windows.usable(sample.gate_T):
                self.samples.append(sample)
                self.metas.append(clip.meta)
            else:
                left_out[windows.lacks] += 1
        log.info("%d clips in memory, %s", len(self.samples), describe(left_out))
        if not self.samples:
            raise NpvfError(f"no clip to work with in {', '.join(urls) or 'an empty corpus'}: {describe(left_out)}")

    def __len__(self) -> int:
        return len(self.samples)


class TrainingClips(Dataset[Any]):
    """Random windows of clips in memory; a clip longer than a window is listed several times."""

    def __init__(self, clips: MemoryClips, windows: ClipWindows) -> None:
        self.clips, self.windows = clips, windows
        self.indices = [i for i, s in enumerate(clips.samples) for _ in range(windows.count(s.frames))]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, draw: Draw) -> Any:
        return self.windows.visit(self.clips.samples[self.indices[draw.place]], seeded(draw.seed))


class EvaluationClips(Dataset[Any]):
    """Whole clips in memory, plain."""

    def __init__(self, clips: MemoryClips, windows: ClipWindows) -> None:
        self.clips, self.windows = clips, windows

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Any:
        return self.windows.whole(self.clips.samples[index])


def collate(samples: Sequence[Sample]) -> Batch:
    """One batch, shorter clips padded: tensors repeat their last entry, masks are False there."""
    frames = max(s.frames for s in samples)
    stride = samples[0].face_stride

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
    )


def collate_visits(visits: Sequence[Visit]) -> tuple[Batch, Tensor]:
    """Batch and the first frames (B, K) of its segments."""
    return collate([v.sample for v in visits]), torch.stack([v.starts_K for v in visits])
