"""The inputs of NPV and the outputs of its encoders: `InputSpec`, `Batch`, `Features`.

Axes: B clips, T video frames (25 a second), M = 4 T mel frames, K segments a clip, S = 24 frames a segment, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from math import ceil
from typing import Any, Literal, Self, get_args

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from npvf.clip import MEL_PER_FRAME, MOUTH_POINTS, N_MELS, POSTERIORS_PER_FRAME, SEGMENT_FRAMES
from npvf.speech.gate import GATE_PAD, Gate
from npvf.speech.inventory import CRITICAL
from npvf.speech.recogniser import POSTERIORS

Picture = Literal["pixels", "geometry"]
Sound = Literal["mel", "phones"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """Defines how a prepared clip becomes tensors. It is saved with the weights, so training and inference agree.

    Args:
        mouth_size: side of the mouth picture in pixels.
        mouth_channels: 1 for gray, 3 for RGB.
        mouth_span: side, in pixels of the 224 crop, of the square around the lips that becomes the mouth picture.
        face_size: side of the face picture in pixels.
        face_stride: every which frame the face stream keeps; identity and expression change slowly.
        picture: what the viseme stream sees: "pixels" of the mouth (the paper), "geometry" of lips, jaw and cheeks
            (`npvf.faces.mouth_geometry`; ours), or both.
        sound: what the audio stream hears: "mel" (the paper), the recogniser's "phones" (ours), or both.
        geometry_points, posteriors: how many points and tokens these two have.
        gate: which frames the viseme and audio streams are compared on. The paper's is "noncritical".
        critical: the critical phones. The paper names no list; {m, b, p} is our reading (docs/npvforensics.md).
        gate_pad: frames by which the span of a critical phone is widened on both sides.
    """

    mouth_size: int = 224
    mouth_channels: int = 3
    mouth_span: int = 96
    face_size: int = 224
    face_channels: int = 3
    face_stride: int = 4
    n_mels: int = N_MELS
    picture: tuple[Picture, ...] = ("pixels",)
    sound: tuple[Sound, ...] = ("mel",)
    geometry_points: int = MOUTH_POINTS
    posteriors: int = POSTERIORS
    gate: Gate = "noncritical"
    critical: tuple[str, ...] = CRITICAL
    gate_pad: int = GATE_PAD

    def __post_init__(self) -> None:
        if self.mouth_channels not in (1, 3) or self.face_channels not in (1, 3):
            raise ValueError("mouth_channels and face_channels are 1 (gray) or 3 (RGB)")
        if self.gate not in get_args(Gate):
            raise ValueError(f"gate must be one of {', '.join(get_args(Gate))}, not {self.gate!r}")
        for name, inputs, known in (("picture", self.picture, Picture), ("sound", self.sound, Sound)):
            if not inputs or set(inputs) - set(get_args(known)) or len(set(inputs)) < len(inputs):
                raise ValueError(f"{name} is one or more of {', '.join(get_args(known))}, each once, not {inputs}")
        if self.face_stride < 1:
            raise ValueError("face_stride is at least 1")


class Rows:
    """The base class of batches: they have a key for each clip, and can be moved to a device."""

    __slots__ = ()

    keys: list[str]

    def __len__(self) -> int:
        return len(self.keys)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The batch on a device. Lightning asks for `non_blocking` itself only where it moves plain tensors."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking or tensor.is_pinned()))

    def pin_memory(self) -> Self:
        """The batch in page-locked memory, from where a GPU fetches it while it computes; the loader calls this."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        changed: dict[str, Any] = {
            f.name: change(value)
            for f in fields(self)  # type: ignore[arg-type]  # a batch is a dataclass
            if isinstance(value := getattr(self, f.name), Tensor)
        }
        return replace(self, **changed)  # type: ignore[type-var]

    def rows(self, index: slice | Tensor) -> Self:
        """Some of the clips: those of a slice or under a mask (B,)."""
        kept = torch.arange(len(self))[index if isinstance(index, slice) else index.cpu()].tolist()
        parts: dict[str, Any] = {
            f.name: value[index] if isinstance(value, Tensor) else [value[i] for i in kept]
            for f in fields(self)  # type: ignore[arg-type]
            if (value := getattr(self, f.name)) is not None
        }
        return replace(self, **parts)  # type: ignore[type-var]


@dataclass(slots=True)
class Batch(Rows):
    """B clips of T frames. Frames past a clip's end repeat its last one and are False in `valid_BT`.

    Shapes:
        mouth_BTCHW: uint8.
        face_BTCHW: uint8, (B, ceil(T / face_stride), C, H, W).
        mel_BTM: float32, (B, 4 T, n_mels), log-mel.
        gate_BT, speech_BT, valid_BT, forged_BT: bool. Forged frames are those inside a forged interval.
        label_B: long, 0 real, 1 fake, -1 unknown.
        start_B: long, where in its video each clip begins, in frames.
        geometry_BTP2: float32, points of lips, jaw and cheeks (`npvf.faces.mouth_geometry`); None: not asked for.
        posteriors_BFP: uint8, (B, 2 T, 191), the phone recogniser's posteriors; None: not asked for.
    """

    mouth_BTCHW: Tensor
    face_BTCHW: Tensor
    mel_BTM: Tensor
    gate_BT: Tensor
    speech_BT: Tensor
    valid_BT: Tensor
    forged_BT: Tensor
    label_B: Tensor
    start_B: Tensor
    keys: list[str]
    videos: list[str]
    identities: list[str | None]
    geometry_BTP2: Tensor | None = None
    posteriors_BFP: Tensor | None = None

    def clip(self, row: int, frames: int, face_stride: int) -> Batch:
        """The first `frames` frames of one clip: without its padding where `frames` is its own length."""
        one = self.rows(slice(row, row + 1))
        geometry, posteriors = one.geometry_BTP2, one.posteriors_BFP
        cut = {f"{name}_BT": getattr(one, f"{name}_BT")[:, :frames] for name in ("gate", "speech", "valid", "forged")}
        return replace(
            one,
            mouth_BTCHW=one.mouth_BTCHW[:, :frames],
            face_BTCHW=one.face_BTCHW[:, : ceil(frames / face_stride)],
            mel_BTM=one.mel_BTM[:, : MEL_PER_FRAME * frames],
            geometry_BTP2=None if geometry is None else geometry[:, :frames],
            posteriors_BFP=None if posteriors is None else posteriors[:, : POSTERIORS_PER_FRAME * frames],
            **cut,
        )


@dataclass(slots=True)
class Features:
    """Framewise features of B clips, one token a video frame in every stream.

    Shapes:
        viseme_BTD, audio_BTD: V and A, the streams that are gated by phones.
        face_BTD, context_BTD: F and A', the face and the sound of the whole clip.
        gate_BT: bool, frames on which V and A are compared.
        valid_BT: bool.
    """

    viseme_BTD: Tensor
    audio_BTD: Tensor
    face_BTD: Tensor
    context_BTD: Tensor
    gate_BT: Tensor
    valid_BT: Tensor

    @classmethod
    def padded(cls, clips: Sequence[Features]) -> Features:
        """Clips of different length as one batch: what lies past a clip's end is 0, and not valid."""
        parts = {f.name: [getattr(clip, f.name)[0] for clip in clips] for f in fields(cls)}
        return cls(**{name: pad_sequence(part, batch_first=True) for name, part in parts.items()})

    @classmethod
    def joined(cls, parts: Sequence[Features]) -> Features:
        """The clips of all parts, which have the same number of frames."""
        return cls(**{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def rows(self, index_B: Tensor | list[int]) -> Features:
        """The clips at an index or under a mask."""
        return Features(**{f.name: getattr(self, f.name)[index_B] for f in fields(self)})

    def segments(self, starts_BK: Tensor) -> Features:
        """Slice K segments of 24 frames out of each clip: all tensors become (B K, 24, ...).

        Raises:
            ValueError: where a segment would leave the clip.
        """
        return Features(
            **{f.name: slice_segments(getattr(self, f.name), starts_BK).flatten(0, 1) for f in fields(self)}
        )

    def shift_audio(self, offset_B: Tensor) -> Features:
        """Move each clip's sound by `offset_B` frames, so that sound at t + offset meets the picture at t.

        Frames whose sound would lie outside the clip keep its edge and become invalid.
        """
        frames = self.valid_BT.shape[1]
        time_BT = torch.arange(frames, device=offset_B.device) + offset_B[:, None]
        inside_BT = (time_BT >= 0) & (time_BT < frames)
        clip_B1 = torch.arange(len(offset_B), device=offset_B.device)[:, None]
        time_BT = time_BT.clamp(0, frames - 1)
        valid_BT = self.valid_BT & inside_BT & self.valid_BT[clip_B1, time_BT]
        return replace(
            self,
            audio_BTD=self.audio_BTD[clip_B1, time_BT],
            context_BTD=self.context_BTD[clip_B1, time_BT],
            gate_BT=self.gate_BT[clip_B1, time_BT] & valid_BT,
            valid_BT=valid_BT,
        )


def slice_segments(x_BT: Tensor, starts_BK: Tensor) -> Tensor:
    """K segments of 24 frames out of each of B clips: (B, T, ...) and (B, K) -> (B, K, 24, ...).

    Raises:
        ValueError: where a segment would leave the clip.
    """
    frames = x_BT.shape[1]
    if starts_BK.numel() and (int(starts_BK.min()) < 0 or int(starts_BK.max()) + SEGMENT_FRAMES > frames):
        raise ValueError(f"segments of {SEGMENT_FRAMES} frames must lie inside the {frames} frames of the clip")
    index_BKS = starts_BK[..., None] + torch.arange(SEGMENT_FRAMES, device=starts_BK.device)
    clip_B11 = torch.arange(len(starts_BK), device=starts_BK.device)[:, None, None]
    return x_BT[clip_B11, index_BKS]
