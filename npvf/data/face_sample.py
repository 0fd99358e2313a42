"""`FaceSample`: one face as tensors for ST-DDL, and what is known of it: is its picture forged, and in which frames?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from npvf.clip import FAKE, REAL, ClipMeta
from npvf.data.transforms import UNKNOWN_LABEL, forged_frames


@dataclass(slots=True)
class FaceSample:
    """One face as tensors, T frames.

    Shapes:
        frames_TCHW: uint8.
        landmarks_TN2: float32, in pixels of these frames.
        mask_THW: bool; all False where it is not known.
        gate_T: bool, frames that windows are drawn around: the forged ones; in a real clip all of them.
        motion_TCHW: optical flow (T - 1, 2, H, W), or None.
        faint_THW: bool, pixels of the mask that the forgery hardly changes; the mask losses leave them out. None where
            that is not known: stored masks do not say how strong a forgery is at its border.
        twin_THW: bool, of a genuine sample the mask of its forged version in the same batch; None without one.
        label: of the picture.
        identity: whose face it is; None: unknown.
    """

    frames_TCHW: Tensor
    landmarks_TN2: Tensor
    mask_THW: Tensor
    gate_T: Tensor
    mask_known: bool
    label: int
    key: str
    video: str
    identity: str | None = None
    motion_TCHW: Tensor | None = None
    faint_THW: Tensor | None = None
    twin_THW: Tensor | None = None

    @property
    def frames(self) -> int:
        """T."""
        return len(self.frames_TCHW)

    @property
    def side(self) -> int:
        """Return the side of the frames in pixels."""
        return self.frames_TCHW.shape[-1]

    def moved(self, frames_TCHW: Tensor, landmarks_TN2: Tensor, move: Callable[[Tensor], Tensor]) -> FaceSample:
        """Return the sample with other frames and landmarks; `move` takes each mask (T, H, W) to where they show it."""
        masks = {"mask_THW": self.mask_THW, "faint_THW": self.faint_THW, "twin_THW": self.twin_THW}
        moved: dict[str, Any] = {name: move(mask_THW) for name, mask_THW in masks.items() if mask_THW is not None}
        return replace(self, frames_TCHW=frames_TCHW, landmarks_TN2=landmarks_TN2, **moved)

    def window(self, start: int, span: int) -> FaceSample:
        """`span` frames from `start` on. If none of them is forged, the window is real."""
        return self.frames_of(slice(start, start + span))

    def frames_of(self, part: slice) -> FaceSample:
        """Some of the frames. If none of them is forged, they are real."""
        gate_T = self.gate_T[part]
        real = self.label == FAKE and not gate_T.any()
        return replace(
            self,
            frames_TCHW=self.frames_TCHW[part],
            landmarks_TN2=self.landmarks_TN2[part],
            mask_THW=self.mask_THW[part],
            faint_THW=None if self.faint_THW is None else self.faint_THW[part],
            twin_THW=None if self.twin_THW is None else self.twin_THW[part],
            gate_T=torch.ones_like(gate_T) if real else gate_T,
            label=REAL if real else self.label,
            mask_known=self.mask_known or real,
        )


def judge_picture(meta: ClipMeta, frames: int, mask_THW: np.ndarray | None) -> tuple[int, np.ndarray]:
    """Is the picture of this face forged, and in which frames (T,)?

    The mask determines the label if there is one, otherwise the video label does. For a real clip all frames are
    returned, for an unknown one none. Forged audio says nothing about the frames. If a video shows several faces and
    the forged one is unknown, the label of a face that does not speak is unknown.
    """
    if mask_THW is not None:
        forged_T = np.any(mask_THW, axis=(1, 2))
        assert isinstance(forged_T, np.ndarray)
        return (FAKE, forged_T) if forged_T.any() else (REAL, np.ones(frames, bool))
    label = picture_label(meta.label, meta.audio_label, meta.video_label)
    if label == FAKE and meta.faces > 1 and not meta.is_speaker:
        label = None
    if label == FAKE:
        return FAKE, forged_frames(replace(meta, label=FAKE), frames)
    return UNKNOWN_LABEL if label is None else label, np.full(frames, label == REAL)


def picture_label(label: int | None, audio_label: int | None, video_label: int | None) -> int | None:
    """Tell from the labels of the video, its audio and its frames if the frames are forged; None: unknown.

    A label of the whole says nothing of the picture where a forged sound may be the reason for it.
    """
    if video_label is not None or audio_label == FAKE:
        return video_label
    return label
