"""Random changes of a face for localization: pictures, landmarks and masks together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.io import decode_jpeg, encode_jpeg

from npvf.data.augment import Move, PictureAugment, RandomDraw, warp
from npvf.data.mirror import mirror_order
from npvf.media.encode import decode_crops, encode_crops


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class FaceAugment(PictureAugment):
    """The strength of each change; see `PictureAugment`. Each clip draws its parameters once for all its frames.

    ST-DDL's code imports a library of augmentations and says no more: which ones, and the values, are ours. What a
    forgery leaves is fine: softness, noise and compression are changed more rarely than for lips.

    Args:
        jpeg: probability that every frame is compressed as a JPEG picture.
        jpeg_quality: lowest and highest.
        h264: probability that the window is compressed as a video, as a forger's own encoder does to what was blended.
        h264_crf: lowest and highest of x264's constant quality.
    """

    shift: float = 0.06
    brightness: float = 0.15
    contrast: float = 0.2
    gamma: float = 0.2
    gray: float = 0.1
    blur: float = 0.2
    noise: float = 0.2
    noise_std: float = 6.0
    cutout: float = 0.0
    jpeg: float = 0.3
    jpeg_quality: tuple[int, int] = (50, 95)
    h264: float = 0.0
    h264_crf: tuple[int, int] = (16, 26)

    def __call__(
        self, frames_TCHW: Tensor, landmarks_TN2: Tensor, masks_NHW: Tensor, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All three of a clip, changed alike: uint8 square pictures, landmarks in their pixels, any bool masks."""
        draw = RandomDraw(generator)
        size = frames_TCHW.shape[-1]
        move, look = self.draw_move(draw), self.draw_look(draw)
        quality = draw.integer(self.jpeg_quality[1] - self.jpeg_quality[0] + 1) + self.jpeg_quality[0]
        compressed = draw.chance(self.jpeg)
        frames_TCHW = look(warp(frames_TCHW, size, move))
        if compressed:
            frames_TCHW = compress(frames_TCHW, quality)
        if draw.chance(self.h264):
            frames_TCHW = compress_video(frames_TCHW, draw.between(*self.h264_crf))
        return (
            frames_TCHW,
            move_points(landmarks_TN2, size, move),
            move_mask(masks_NHW, move),
        )


def move_points(points_TN2: Tensor, size: int, move: Move) -> Tensor:
    """Landmarks, in pixels whose centres are whole numbers, where `warp` shows them; a mirror swaps left and right."""
    matrix_23 = move.matrix().to(points_TN2.dtype)
    place_TN2 = (points_TN2 + 0.5) * (2 / size) - 1
    moved_TN2 = (place_TN2 - matrix_23[:, 2]) @ torch.linalg.inv(matrix_23[:, :2]).T
    if move.flip:
        moved_TN2 = moved_TN2[:, mirror_order(points_TN2.shape[1])]
    return (moved_TN2 + 1) * (size / 2) - 0.5


def move_mask(mask_THW: Tensor, move: Move) -> Tensor:
    """Bool masks as `warp` shows the pictures; a pixel is forged where it shows more forged pixels than others."""
    return warp(mask_THW[:, None], mask_THW.shape[-1], move)[:, 0] > 0.5


def compress(frames_TCHW: Tensor, quality: int) -> Tensor:
    """Each frame as a JPEG picture and back."""
    return torch.stack([decode_jpeg(encode_jpeg(frame, quality)) for frame in frames_TCHW])


def compress_video(frames_TCHW: Tensor, crf: float) -> Tensor:
    """All frames through H.264 and back."""
    face_THWC = np.ascontiguousarray(frames_TCHW.permute(0, 2, 3, 1).numpy())
    return torch.from_numpy(decode_crops(encode_crops(face_THWC, crf))).permute(0, 3, 1, 2).contiguous()
