"""From a prepared `Clip` to what ST-DDL sees of it: windows of a face, with landmarks and a mask of forged pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from npvf.clip import CROP_SIZE, FAKE, FPS, REAL, Clip, ClipMeta
from npvf.data.face_augment import FaceAugment
from npvf.data.selection import read_meta
from npvf.data.self_blended import self_forged
from npvf.data.transforms import UNKNOWN_LABEL, forged_frames, resize
from npvf.data.windows import ClipWindows, encoded_frames
from npvf.faces.flow import FlowMethod, flow_motion
from npvf.io import shards
from npvf.io.masks import unpack_masks
from npvf.models.stddl.face_batch import FaceBatch


@dataclass(slots=True)
class FaceSample:
    """One face as tensors, T frames.

    Shapes:
        frames_TCHW: uint8.
        landmarks_TN2: float32, in pixels of these frames.
        mask_THW: bool; all False where it is not known.
        gate_T: bool, frames that windows are drawn around: the forged ones, in a real clip all.
        motion_TCHW: optical flow (T - 1, 2, H, W), or None.
        label: of the picture.
    """

    frames_TCHW: Tensor
    landmarks_TN2: Tensor
    mask_THW: Tensor
    gate_T: Tensor
    mask_known: bool
    label: int
    key: str
    video: str
    motion_TCHW: Tensor | None = None

    @property
    def frames(self) -> int:
        """T."""
        return len(self.frames_TCHW)

    def window(self, start: int, span: int) -> FaceSample:
        """The frames of a span; where none of them is forged it is a real one."""
        return self.frames_of(slice(start, start + span))

    def frames_of(self, part: slice) -> FaceSample:
        """Some of the frames; where none of them is forged it is a real one."""
        gate_T = self.gate_T[part]
        real = self.label == FAKE and not gate_T.any()
        return replace(
            self,
            frames_TCHW=self.frames_TCHW[part],
            landmarks_TN2=self.landmarks_TN2[part],
            mask_THW=self.mask_THW[part],
            gate_T=torch.ones_like(gate_T) if real else gate_T,
            label=REAL if real else self.label,
            mask_known=self.mask_known or real,
        )


class FaceTransform:
    """`Clip` to `FaceSample`: `cut` is the same at each visit, `finish` is random where there is augmentation.

    Args:
        size: side of the pictures in pixels.
        augment: random changes, or None for the plain view.
        flow: method of the optical flow, None for no flow. It looks at the pictures as the model will see them,
            changed and compressed.
    """

    def __init__(self, size: int, augment: FaceAugment | None = None, flow: FlowMethod | None = None) -> None:
        self.size, self.augment, self.flow = size, augment, flow

    def cut(self, clip: Clip) -> FaceSample:
        """Pictures, landmarks and masks of the crop at the model's size."""
        label, gate_T = judge_picture(clip.meta, clip.frames, clip.mask_THW)
        known = clip.mask_THW is not None or label == REAL
        mask_THW = np.zeros(clip.face_THWC.shape[:3], bool) if clip.mask_THW is None else clip.mask_THW
        soft_THW = interpolate(torch.from_numpy(mask_THW)[:, None].float(), (self.size, self.size), mode="area")[:, 0]
        # Pixel centres are whole numbers, before and after.
        landmarks_TN2 = (clip.landmarks_TN2 + 0.5) * (self.size / CROP_SIZE) - 0.5
        return FaceSample(
            frames_TCHW=resize(clip.face_THWC, self.size),
            landmarks_TN2=torch.from_numpy(landmarks_TN2.astype(np.float32)),
            mask_THW=soft_THW > 0.5,
            gate_T=torch.from_numpy(gate_T),
            mask_known=known,
            label=label,
            key=clip.meta.key,
            video=clip.meta.video,
        )

    def finish(self, sample: FaceSample, generator: torch.Generator | None = None) -> FaceSample:
        """Augmentation and flow of a window."""
        frames_TCHW, landmarks_TN2, mask_THW = sample.frames_TCHW, sample.landmarks_TN2, sample.mask_THW
        if self.augment is not None:
            frames_TCHW, landmarks_TN2, mask_THW = self.augment(frames_TCHW, landmarks_TN2, mask_THW, generator)
        return replace(
            sample,
            frames_TCHW=frames_TCHW,
            landmarks_TN2=landmarks_TN2,
            mask_THW=mask_THW,
            motion_TCHW=None if self.flow is None else optical_flow(frames_TCHW, self.flow),
        )


@dataclass(frozen=True, slots=True)
class FaceWindows(ClipWindows):
    """Windows of a few frames, of a forged clip such that hold a forged frame.

    Args:
        transform: cuts and augments.
        length: frames of a window; the last one only says where the others move to.
        stride: frames of the clip from one frame of a window to the next.
        every: frames of the clip from one window of an evaluation to the next.
        self_forged: a visit of a genuine clip brings the same window forged on the spot with it, seen alike.
    """

    lacks: ClassVar[str] = "too short, or unknown whether the face is forged"

    transform: FaceTransform
    length: int = 4
    stride: int = 1
    every: int = 12
    self_forged: bool = False

    @property
    def frames(self) -> int:
        """Frames of the clip that a window spans."""
        return (self.length - 1) * self.stride + 1

    def gate(self, encoded: shards.Sample) -> Tensor:
        """The forged frames, in a real clip all; none where it is not known whether this face is forged."""
        mask_npz = encoded.get("mask.npz")
        mask_THW = unpack_masks(mask_npz) if isinstance(mask_npz, bytes) else None
        return torch.from_numpy(judge_picture(read_meta(encoded), encoded_frames(encoded), mask_THW)[1])

    def usable(self, gate_T: Tensor) -> bool:
        """Whether it is long enough and has a frame to look at."""
        return len(gate_T) >= self.frames and bool(gate_T.any())

    def start(self, gate_T: Tensor, generator: torch.Generator) -> int:
        """Of a window with such a frame among those that have a follower, if any window has."""
        seen = gate_T.unfold(0, self.frames, 1)[:, : -self.stride : self.stride].any(1)
        starts = seen.nonzero().flatten() if seen.any() else torch.arange(len(seen))
        return int(starts[torch.randint(len(starts), (), generator=generator)])

    def visit_window(self, window: FaceSample, generator: torch.Generator) -> list[FaceSample]:
        """The window's frames, finished, and their forged twin, if it is to have one."""
        window = window.frames_of(slice(None, None, self.stride))
        seen = [window]
        if self.self_forged and window.label == REAL:
            seen.append(self_forged(window, generator))
        finish = int(torch.randint(2**62, (), generator=generator))
        return [self.transform.finish(face, torch.Generator().manual_seed(finish)) for face in seen]

    def whole(self, cut: FaceSample) -> list[FaceSample]:
        """Windows over the whole clip, the last one at its end."""
        last = cut.frames - self.frames
        starts = sorted({*range(0, last, self.every), last})
        spans = (cut.window(start, self.frames) for start in starts)
        return [self.transform.finish(span.frames_of(slice(None, None, self.stride))) for span in spans]

    def count(self, frames: int) -> int:
        """One visit for each second: neighbouring windows show the same."""
        return max(1, frames // FPS)


def optical_flow(frames_TCHW: Tensor, method: FlowMethod) -> Tensor:
    """From each uint8 frame to the next one, in pixels: (T - 1, 2, H, W)."""
    return torch.from_numpy(flow_motion(frames_TCHW.permute(0, 2, 3, 1).numpy(), method))


def judge_picture(meta: ClipMeta, frames: int, mask_THW: np.ndarray | None) -> tuple[int, np.ndarray]:
    """Is the picture of this face forged, and in which frames (T,)? A mask decides, else what is said of the picture.

    For a real picture the frames are all, for one of unknown label none. A forged sound shows nothing. Where a video
    has several faces and nobody said which is forged, the label of those that do not speak is unknown.
    """
    if mask_THW is not None:
        forged_T = np.any(mask_THW, axis=(1, 2))
        assert isinstance(forged_T, np.ndarray)
        return (FAKE, forged_T) if forged_T.any() else (REAL, np.ones(frames, bool))
    label = picture_label(meta)
    if label == FAKE and meta.faces > 1 and not meta.is_speaker:
        label = None
    if label == FAKE:
        return FAKE, forged_frames(replace(meta, label=FAKE), frames)
    return UNKNOWN_LABEL if label is None else label, np.full(frames, label == REAL)


def picture_label(meta: ClipMeta) -> int | None:
    """What is said of the picture; a label that a forged sound may be the reason of says nothing of it."""
    if meta.video_label is not None or meta.audio_label == FAKE:
        return meta.video_label
    return meta.label


def collate_faces(samples: Sequence[FaceSample]) -> FaceBatch:
    """One batch of windows of one length."""
    motions = [s.motion_TCHW for s in samples if s.motion_TCHW is not None]
    return FaceBatch(
        frames_BTCHW=torch.stack([s.frames_TCHW for s in samples]),
        landmarks_BTN2=torch.stack([s.landmarks_TN2 for s in samples]),
        mask_BTHW=torch.stack([s.mask_THW for s in samples]),
        mask_known_B=torch.tensor([s.mask_known for s in samples]),
        label_B=torch.tensor([s.label for s in samples]),
        keys=[s.key for s in samples],
        videos=[s.video for s in samples],
        motion_BTCHW=torch.stack(motions) if motions else None,
    )
