"""Random changes of a face for localization: frames, landmarks and masks together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.io import decode_jpeg, encode_jpeg

from npvf.data.augment import AffineChange, PictureAugment, warp
from npvf.data.mirror import mirror_order
from npvf.data.random_draw import RandomDraw
from npvf.media.encode import decode_crops, encode_crops


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class FaceAugment(PictureAugment):
    """The strength of each change; see `PictureAugment`. Each clip draws its parameters once for all its frames.

    ST-DDL's code imports a library of augmentations but does not show which are used: the choice and the values are
    ours. Traces of a forgery are fine, so blur, noise and compression are changed more rarely than for lips.

    Args:
        jpeg: probability that every frame is compressed as a JPEG image.
        jpeg_quality: lowest and highest JPEG quality.
        h264: probability that the window is compressed as a video after blending, as by the encoder of a forger.
        h264_crf: lowest and highest constant rate factor of x264.
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
        """Change all three of a clip alike: square uint8 frames, landmarks in their pixels, any bool masks."""
        draw = RandomDraw(generator)
        size = frames_TCHW.shape[-1]
        affine, photometric = self.draw_affine(draw), self.draw_photometric(draw)
        quality = draw.integer(self.jpeg_quality[1] - self.jpeg_quality[0] + 1) + self.jpeg_quality[0]
        compressed = draw.chance(self.jpeg)
        frames_TCHW = photometric(warp(frames_TCHW, size, affine))
        if compressed:
            frames_TCHW = compress(frames_TCHW, quality)
        if draw.chance(self.h264):
            frames_TCHW = compress_video(frames_TCHW, draw.between(*self.h264_crf))
        return frames_TCHW, warp_points(landmarks_TN2, size, affine), warp_mask(masks_NHW, affine)


def warp_points(points_TN2: Tensor, size: int, affine: AffineChange) -> Tensor:
    """Return landmarks where `warp` shows them; a mirror exchanges left and right. Pixel centres are whole numbers."""
    matrix_23 = affine.matrix().to(points_TN2.dtype)
    place_TN2 = (points_TN2 + 0.5) * (2 / size) - 1
    warped_TN2 = (place_TN2 - matrix_23[:, 2]) @ torch.linalg.inv(matrix_23[:, :2]).T
    if affine.flip:
        warped_TN2 = warped_TN2[:, mirror_order(points_TN2.shape[1])]
    return (warped_TN2 + 1) * (size / 2) - 0.5


def warp_mask(mask_THW: Tensor, affine: AffineChange) -> Tensor:
    """Return bool masks as `warp` shows the frames; a pixel is forged if most of what it shows is forged."""
    return warp(mask_THW[:, None], mask_THW.shape[-1], affine)[:, 0] > 0.5


def compress(frames_TCHW: Tensor, quality: int) -> Tensor:
    """Compress and decode each frame as a JPEG image."""
    return torch.stack([decode_jpeg(encode_jpeg(frame, quality)) for frame in frames_TCHW])


def compress_video(frames_TCHW: Tensor, crf: float) -> Tensor:
    """Compress and decode all frames as H.264."""
    face_THWC = np.ascontiguousarray(frames_TCHW.permute(0, 2, 3, 1).numpy())
    return torch.from_numpy(decode_crops(encode_crops(face_THWC, crf))).permute(0, 3, 1, 2).contiguous()
