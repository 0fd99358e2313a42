"""Windows of a face for training and validating ST-DDL: a few frames with landmarks and a mask of the forged pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from npvf.clip import FPS, REAL, Clip
from npvf.data.face_augment import FaceAugment, resized
from npvf.data.face_inputs import face_landmarks, face_motion, face_pictures
from npvf.data.face_sample import FaceSample, judge_picture
from npvf.data.self_blended import self_blended
from npvf.data.windows import ClipWindows, encoded_frames
from npvf.io import shards
from npvf.io.masks import unpack_masks
from npvf.models.stddl.face_batch import FaceBatch, FaceSpec


class FaceTransform:
    """Turn a `Clip` into a `FaceSample`: `crop` is deterministic, `augment` is random if there is augmentation.

    Args:
        spec: the model's inputs.
        augment: random changes, or None for the plain view.
        side: of the pictures until `delivery`, None: the model's. Training on self-blended windows takes the crop's
            own, `CROP_SIZE`: a forgery that is made of smaller pictures leaves coarser traces than a real one.
    """

    def __init__(self, spec: FaceSpec, augment: FaceAugment | None = None, side: int | None = None) -> None:
        self.spec, self.augmentation = spec, augment
        self.working = spec if side is None else replace(spec, size=side)

    def crop(self, clip: Clip) -> FaceSample:
        """Pictures, landmarks and masks of the clip at the working size."""
        label, gate_T = judge_picture(clip.meta, clip.frames, clip.mask_THW)
        return self._sample(clip, face_landmarks(clip.landmarks_TN2, self.working), label, gate_T)

    def crop_window(self, encoded: shards.Sample, start: int, frames: int) -> FaceSample:
        """`crop` of an encoded clip and then `FaceSample.window`: the same, but only the window's video is decoded."""
        label, gate_T = judge_picture(encoded.meta, encoded_frames(encoded), _masks(encoded))
        window, part = shards.decode_clip(encoded, start, frames), slice(start, start + frames)
        if self.working.smoothing:  # needs the frames around the window
            landmarks_TN2 = face_landmarks(shards.decode_landmarks(encoded), self.working)[part]
        else:
            landmarks_TN2 = face_landmarks(window.landmarks_TN2, self.working)
        return self._sample(window, landmarks_TN2, label, gate_T[part]).frames_of(slice(None))

    def _sample(self, clip: Clip, landmarks_TN2: Tensor, label: int, gate_T: np.ndarray) -> FaceSample:
        mask_THW = np.zeros(clip.face_THWC.shape[:3], bool) if clip.mask_THW is None else clip.mask_THW
        share_T1HW = interpolate(torch.from_numpy(mask_THW)[:, None].float(), (self.working.size,) * 2, mode="area")
        return FaceSample(
            frames_TCHW=face_pictures(clip.face_THWC, self.working),
            landmarks_TN2=landmarks_TN2,
            mask_THW=share_T1HW[:, 0] > 0.5,
            gate_T=torch.from_numpy(gate_T),
            mask_known=clip.mask_THW is not None or label == REAL,
            label=label,
            key=clip.meta.key,
            video=clip.meta.video,
            identity=clip.meta.identity,
        )

    def camera(self, sample: FaceSample, generator: torch.Generator | None) -> FaceSample:
        """The changes of augmentation that come before a face is forged."""
        return sample if self.augmentation is None else self.augmentation.camera(sample, generator)

    def delivery(self, sample: FaceSample, generator: torch.Generator | None) -> FaceSample:
        """The changes of augmentation that come after it, the model's size, and the flow."""
        if self.augmentation is not None:
            sample = self.augmentation.delivery(sample, self.working.size, generator)
        if sample.side != self.spec.size:
            sample = resized(sample, self.spec.size, "bilinear")  # as `face_pictures` does it
        return replace(sample, motion_TCHW=face_motion(sample.frames_TCHW, self.spec))

    def augment(self, sample: FaceSample, generator: torch.Generator | None = None) -> FaceSample:
        """All changes of augmentation, and the flow."""
        return self.delivery(self.camera(sample, generator), generator)


@dataclass(frozen=True, slots=True)
class FaceWindows(ClipWindows):
    """Windows of a few frames; a window of a forged clip holds a forged frame.

    Args:
        transform: crops and augments.
        length: frames of a window; the last one only says where the others move to.
        stride: frames of the clip from one frame of a window to the next.
        every: frames of the clip from one window of an evaluation to the next.
        self_blended: of each real window a genuine and a forged version are returned (`npvf.data.self_blended`), with
            the same augmentation.
    """

    lacks: ClassVar[str] = "too short, or unknown whether the face is forged"

    transform: FaceTransform
    length: int = 4
    stride: int = 1
    every: int = 12
    self_blended: bool = False

    @property
    def frames(self) -> int:
        """Frames of the clip that a window spans."""
        return (self.length - 1) * self.stride + 1

    def gate(self, encoded: shards.Sample) -> Tensor:
        """The forged frames, in a real clip all; none where it is not known whether this face is forged."""
        return torch.from_numpy(judge_picture(encoded.meta, encoded_frames(encoded), _masks(encoded))[1])

    def usable(self, gate_T: Tensor) -> bool:
        """True if the clip is long enough and has a usable frame."""
        return len(gate_T) >= self.frames and bool(gate_T.any())

    def start(self, gate_T: Tensor, generator: torch.Generator) -> int:
        """The start of a window with a usable frame that is not its last one, if there is such a window."""
        seen = gate_T.unfold(0, self.frames, 1)[:, : -self.stride : self.stride].any(1)
        starts = seen.nonzero().flatten() if seen.any() else torch.arange(len(seen))
        return int(starts[torch.randint(len(starts), (), generator=generator)])

    def training_item(self, window: FaceSample, generator: torch.Generator) -> list[FaceSample]:
        """The window's frames, augmented; or their genuine and their forged version, if they are to have one."""
        window = self.transform.camera(window.frames_of(slice(None, None, self.stride)), generator)
        versions: tuple[FaceSample, ...] = (window,)
        if self.self_blended and window.label == REAL:
            versions = self_blended(window, generator)
        after = int(torch.randint(2**62, (), generator=generator))
        return [self.transform.delivery(face, torch.Generator().manual_seed(after)) for face in versions]

    def whole(self, cropped: FaceSample) -> list[FaceSample]:
        """Windows over the whole clip, the last one at its end."""
        last = cropped.frames - self.frames
        starts = sorted({*range(0, last, self.every), last})
        spans = (cropped.window(start, self.frames) for start in starts)
        return [self.transform.augment(span.frames_of(slice(None, None, self.stride))) for span in spans]

    def count(self, frames: int) -> int:
        """One sample for each second, because neighbouring windows are nearly the same."""
        return max(1, frames // FPS)


def _masks(encoded: shards.Sample) -> np.ndarray | None:
    mask_npz = encoded.get("mask.npz")
    return unpack_masks(mask_npz) if isinstance(mask_npz, bytes) else None


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
        identities=[s.identity for s in samples],
        motion_BTCHW=torch.stack(motions) if motions else None,
        faint_BTHW=_stacked([s.faint_THW for s in samples], samples[0].mask_THW),
        twin_BTHW=_stacked([s.twin_THW for s in samples], samples[0].mask_THW),
    )


def _stacked(masks: Sequence[Tensor | None], like_THW: Tensor) -> Tensor | None:
    """Masks of which some are missing, which means that nothing is in them; None where all are."""
    if all(mask_THW is None for mask_THW in masks):
        return None
    return torch.stack([torch.zeros_like(like_THW) if mask_THW is None else mask_THW for mask_THW in masks])
