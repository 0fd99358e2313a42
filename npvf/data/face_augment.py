"""Random changes of a face for localization: frames, landmarks and masks together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.io import decode_jpeg, encode_jpeg

from npvf.data.augment import AffineChange, PictureAugment, warp
from npvf.data.face_sample import FaceSample
from npvf.data.mirror import mirror_order
from npvf.data.random_draw import RandomDraw
from npvf.media.encode import decode_crops, encode_crops


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class FaceAugment(PictureAugment):
    """The strength of each change; see `PictureAugment`. Each clip draws its parameters once for all its frames.

    ST-DDL's code imports a library of augmentations but does not show which are used: the choice and the values are
    ours. It has two steps: `camera` is what happens before a face is forged, `delivery` what happens to the finished
    video. Forgeries that training makes itself are made between the two. Traces of a forgery are fine, so blur, noise
    and compression are changed more rarely than for lips.

    Args:
        resolution: lowest and highest side of the pictures on the way, as a factor of the crop's own: where forgeries
            are made and videos compressed. Above 1 it is a source whose face is larger than the crop.
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
    resolution: tuple[float, float] = (1.0, 1.0)
    jpeg: float = 0.3
    jpeg_quality: tuple[int, int] = (50, 95)
    h264: float = 0.0
    h264_crf: tuple[int, int] = (16, 26)

    def camera(self, sample: FaceSample, generator: torch.Generator | None) -> FaceSample:
        """Frame, light, noise and resolution of the recording: frames, landmarks and masks move together."""
        draw = RandomDraw(generator)
        affine, photometric = self.draw_affine(draw), self.draw_photometric(draw)
        moved = sample.moved(
            warp(sample.frames_TCHW, sample.side, affine),
            warp_points(sample.landmarks_TN2, sample.side, affine),
            lambda mask_THW: warp_mask(mask_THW, affine),
        )
        side = round(draw.between(*self.resolution) * sample.side / 2) * 2  # H.264 wants even sides
        moved = resized(moved, side) if side != sample.side else moved
        return replace(moved, frames_TCHW=photometric(moved.frames_TCHW.float()))

    def delivery(self, sample: FaceSample, side: int, generator: torch.Generator | None) -> FaceSample:
        """Compress the frames, and bring them to `side`."""
        draw = RandomDraw(generator)
        frames_TCHW = sample.frames_TCHW
        quality = draw.integer(self.jpeg_quality[1] - self.jpeg_quality[0] + 1) + self.jpeg_quality[0]
        if draw.chance(self.jpeg):
            frames_TCHW = compress(frames_TCHW, quality)
        if draw.chance(self.h264):
            frames_TCHW = self._as_video(frames_TCHW, draw)
        sample = replace(sample, frames_TCHW=frames_TCHW)
        return sample if side == sample.side else resized(sample, side, "bilinear")

    def _as_video(self, frames_TCHW: Tensor, draw: RandomDraw) -> Tensor:
        """Half of the time in reverse order, so that the first frame, which is judged, is not always a key frame."""
        crf = draw.between(*self.h264_crf)
        if draw.chance(0.5):
            return compress_video(frames_TCHW.flip(0), crf).flip(0)
        return compress_video(frames_TCHW, crf)


def resized(sample: FaceSample, side: int, mode: Literal["bilinear", "bicubic"] = "bicubic") -> FaceSample:
    """Return frames, landmarks and masks at another side, in pixels; `mode` is of the frames."""
    scale = side / sample.side

    def moved(mask_THW: Tensor) -> Tensor:
        share_T1HW = interpolate(mask_THW[:, None].float(), (side, side), mode="bilinear", antialias=scale < 1)
        return share_T1HW[:, 0] > 0.5

    frames_TCHW = interpolate(sample.frames_TCHW.float(), (side, side), mode=mode, antialias=scale < 1)
    landmarks_TN2 = (sample.landmarks_TN2 + 0.5) * scale - 0.5
    return sample.moved(frames_TCHW.round_().clamp_(0, 255).byte(), landmarks_TN2, moved)


def warp_points(points_TN2: Tensor, size: int, affine: AffineChange) -> Tensor:
    """Move landmarks as `warp` moves the pixels; a flip exchanges left and right. Pixel centres are whole numbers."""
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
