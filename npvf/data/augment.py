"""Random changes of frames and audio that leave the person and the words recognisable.

Each clip draws its parameters once and all its frames share them: only the person may move in a clip. Audio is never
shifted against the frames. It is changed on its log-mel spectrogram, in which it waits in memory: a mel band is a
magnitude, so gains multiply, and the squares of independent noise add.

Own code in place of torchvision.transforms.v2, which costs about the same: its `RandomAffine` refuses mouth and face
together because their sizes differ, its mirror does not exchange MediaPipe's left and right landmarks, it draws only
from the global generator. For spectrograms torchaudio has masks and stretching only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, log, radians, sin
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from npvf.data.geometry_augment import GeometryAugment
from npvf.data.phone_augment import PhoneAugment
from npvf.data.random_draw import RandomDraw
from npvf.speech.mel import LOG_OFFSET

_DB = log(10) / 20  # decibels of amplitude to natural logarithm


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class PictureAugment:
    """The strength of each change of the frames. Neither paper describes augmentation: all values are ours.

    Args:
        shift: largest shift of the mouth and face box, as a share of its side.
        scale: largest change of the box's size, as a share.
        rotation: largest rotation, in degrees.
        flip: probability of a horizontal mirror.
        brightness, contrast, gamma: largest change, as a share.
        gray: probability of gray frames (gray frames stay as they are).
        blur, noise, cutout: probabilities of blur, of pixel noise, of a gray band at one edge.
        noise_std: largest standard deviation of pixel noise, in grey levels of 255.
        cutout_size: largest width of the gray band, as a share of the side; the lips are in the middle.
    """

    shift: float = 0.08
    scale: float = 0.12
    rotation: float = 10.0
    flip: float = 0.5
    brightness: float = 0.2
    contrast: float = 0.3
    gamma: float = 0.3
    gray: float = 0.2
    blur: float = 0.3
    noise: float = 0.5
    noise_std: float = 10.0
    cutout: float = 0.2
    cutout_size: float = 0.15

    def draw_affine(self, draw: RandomDraw) -> AffineChange:
        """Draw shift, scale, rotation and mirror."""
        shift_x, shift_y = draw.spread(self.shift), draw.spread(self.shift)
        return AffineChange(
            shift_x,
            shift_y,
            1 + draw.spread(self.scale),
            radians(draw.spread(self.rotation)),
            draw.chance(self.flip),
        )

    def draw_photometric(self, draw: RandomDraw) -> PhotometricChange:
        """Draw brightness, contrast, colour, blur, noise and cutout."""
        return PhotometricChange(
            offset=255 * draw.spread(self.brightness),
            slope=1 + draw.spread(self.contrast),
            gamma=1 + draw.spread(self.gamma),
            gray=draw.chance(self.gray),
            blur=draw.between(0.05, 0.25) if draw.chance(self.blur) else 0.0,
            noise_std=draw.between(0, self.noise_std) if draw.chance(self.noise) else 0.0,
            lost_side=draw.integer(4),
            lost_share=draw.between(0, self.cutout_size) if draw.chance(self.cutout) else 0.0,
            generator=draw.generator,
        )


@dataclass(frozen=True)
class Augment(PictureAugment):
    """The strength of each change of the frames and of the audio.

    On GRID, augmentation does not change results on the training speaker; on unseen speakers they depend on it.

    Args:
        gain_db: largest change of the level.
        equaliser_db: standard deviation of a smooth random frequency response.
        hiss: probability of added noise with a random spectrum.
        snr_db: signal-to-noise ratio of the added noise, lowest and highest.
        pitch_bands: largest shift of the mel bands up or down, as with another vocal tract.
        mask_bands: largest number of neighbouring bands that are masked.
        geometry, phones: changes of the inputs that do not know the person, if a model takes them.
    """

    gain_db: float = 8.0
    equaliser_db: float = 3.0
    hiss: float = 0.5
    snr_db: tuple[float, float] = (5.0, 30.0)
    pitch_bands: float = 2.0
    mask_bands: int = 8
    geometry: GeometryAugment = field(default_factory=GeometryAugment)
    phones: PhoneAugment = field(default_factory=PhoneAugment)

    def picture(
        self, mouth_TCHW: Tensor, face_TCHW: Tensor, mouth_size: int, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Change mouth and face of a clip alike: uint8 in, uint8 out, the mouth at `mouth_size`."""
        draw = RandomDraw(generator)
        affine = self.draw_affine(draw)
        photometric = self.draw_photometric(draw)
        if mouth_TCHW.numel():  # a model that takes no pixels has none
            mouth_TCHW = photometric(warp(mouth_TCHW, mouth_size, affine))
        face_TCHW = photometric(warp(face_TCHW, face_TCHW.shape[-1], affine))
        return mouth_TCHW, face_TCHW

    def sound(self, mel_TM: Tensor, generator: torch.Generator | None) -> Tensor:
        """Change the log-mel (T, M): the same words as from another voice, microphone and room."""
        draw = RandomDraw(generator)
        bands = mel_TM.shape[1]
        amplitude_TM = _shift_bands(mel_TM.exp() - LOG_OFFSET, draw.spread(self.pitch_bands)).clamp_min_(0)
        response_M = draw.curve(bands, self.equaliser_db * _DB) + draw.spread(self.gain_db) * _DB
        amplitude_TM = amplitude_TM * response_M.exp()
        if draw.chance(self.hiss):
            amplitude_TM = self._add_hiss(amplitude_TM, draw)
        changed_TM = (amplitude_TM + LOG_OFFSET).log_()
        width = draw.integer(self.mask_bands + 1)
        first = draw.integer(bands - width + 1)
        changed_TM[:, first : first + width] = changed_TM.mean()
        return changed_TM

    def _add_hiss(self, amplitude_TM: Tensor, draw: RandomDraw) -> Tensor:
        colour_M = draw.curve(amplitude_TM.shape[1], 6 * _DB).exp()
        # The power of a noisy band is exponentially distributed.
        power_TM = torch.empty_like(amplitude_TM).exponential_(generator=draw.generator) * colour_M**2
        level = amplitude_TM.square().mean() / power_TM.mean() * 10 ** (-draw.between(*self.snr_db) / 10)
        return (amplitude_TM.square() + level * power_TM).sqrt_()


def center_crop(picture_TCHW: Tensor, size: int) -> Tensor:
    """Return the middle `size` x `size` pixels."""
    top, left = (picture_TCHW.shape[-2] - size) // 2, (picture_TCHW.shape[-1] - size) // 2
    return picture_TCHW[..., top : top + size, left : left + size]


@dataclass(frozen=True, slots=True)
class PhotometricChange:
    """One change of brightness, contrast and detail. `lost_side` is the gray edge: 0 top, 1 bottom, 2 left, 3 right."""

    offset: float
    slope: float
    gamma: float
    gray: bool
    blur: float
    noise_std: float
    lost_side: int
    lost_share: float
    generator: torch.Generator | None

    def __call__(self, picture_TCHW: Tensor) -> Tensor:
        """Change frames: float in [0, 255] to uint8."""
        x = picture_TCHW
        if self.gray and x.shape[1] == 3:
            x = x.mean(1, keepdim=True).expand_as(x)
        x = (x / 255).clamp_(0, 1).pow_(self.gamma).mul_(255 * self.slope).add_(self.offset + 127.5 * (1 - self.slope))
        if self.blur:
            x = _blur(x, self.blur)
        if self.noise_std:
            x = x + torch.randn(x.shape, generator=self.generator) * self.noise_std
        lost = round(self.lost_share * x.shape[-1])
        if lost:
            axis = -2 if self.lost_side < 2 else -1
            x.narrow(axis, 0 if self.lost_side % 2 == 0 else x.shape[axis] - lost, lost).fill_(127.5)
        return x.round_().clamp_(0, 255).byte()


class AffineChange(NamedTuple):
    """One affine change: shift and scale as shares of the frame's side, rotation in radians, then a mirror."""

    x: float
    y: float
    scale: float
    rotation: float
    flip: bool

    def matrix(self, share: float = 1.0) -> Tensor:
        """Return the matrix (2, 3) from positions in the result to positions in the frame, both in [-1, 1].

        `share` is the part of the frame's side that the result shows without a change.
        """
        c, s = self.scale * share * cos(self.rotation), self.scale * share * sin(self.rotation)
        sign = -1.0 if self.flip else 1.0
        return torch.tensor([[sign * c, -s, 2 * self.x * share], [sign * s, c, 2 * self.y * share]])


def warp(picture_TCHW: Tensor, size: int, affine: AffineChange) -> Tensor:
    """Return the middle `size` x `size` pixels, shifted, scaled, rotated and mirrored; the frames may be larger."""
    frames, channels, height, _ = picture_TCHW.shape
    grid = affine_grid(affine.matrix(size / height)[None], [1, channels, size, size], align_corners=False)
    # One grid for all frames: they go in as channels of one picture.
    flat = picture_TCHW.float().reshape(1, frames * channels, height, -1)
    return grid_sample(flat, grid, padding_mode="border", align_corners=False).view(frames, channels, size, size)


def _blur(picture_TCHW: Tensor, side: float) -> Tensor:
    """Apply the three-tap kernel (side, 1 - 2 side, side) along both axes."""
    x = pad(picture_TCHW, (1, 1, 1, 1), mode="replicate")
    x = x[..., 1:-1] + side * (x[..., 2:] - 2 * x[..., 1:-1] + x[..., :-2])
    return x[..., 1:-1, :] + side * (x[..., 2:, :] - 2 * x[..., 1:-1, :] + x[..., :-2, :])


def _shift_bands(x_TM: Tensor, by: float) -> Tensor:
    """Shift the content up by `by` bands with linear interpolation; the edge bands are repeated."""
    bands = x_TM.shape[1]
    place_M = (torch.arange(bands) - by).clamp(0, bands - 1)
    low_M = place_M.floor().long()
    share_M = place_M - low_M
    return x_TM[:, low_M] * (1 - share_M) + x_TM[:, (low_M + 1).clamp_max(bands - 1)] * share_M
