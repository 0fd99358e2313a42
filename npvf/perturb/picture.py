"""Perturbations of the frames alone: the seven of DeeperForensics-1.0 (Jiang et al. 2020, arXiv 2001.03024).

Levels and settings are those of its published code, in pixels of the video's own size. The audio is copied unchanged.
"""

from __future__ import annotations

import cv2
import numpy as np

from npvf.perturb.registry import perturbation
from npvf.perturb.video_edit import VideoEdit

_BLOCK = 8  # pixels
_GREY = 128


@perturbation("picture", (0.4, 0.3, 0.2, 0.1, 0.0), "colour x {}")
def saturation(video: VideoEdit, factor: float, rng: np.random.Generator) -> VideoEdit:
    """Reduce the colour: both chroma planes times `factor`."""

    def change(rgb: np.ndarray) -> np.ndarray:
        ycc = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
        ycc[..., 1:] = np.rint(_GREY + factor * (ycc[..., 1:].astype(np.float32) - _GREY))
        return cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB)

    return video.with_frames(change)


@perturbation("picture", (0.85, 0.725, 0.6, 0.475, 0.35), "every value x {}")
def contrast(video: VideoEdit, factor: float, rng: np.random.Generator) -> VideoEdit:
    """Multiply every value by `factor`: less contrast and also darker, as in the published code."""
    return video.with_frames(lambda rgb: cv2.convertScaleAbs(rgb, alpha=factor))


@perturbation("picture", (16, 32, 48, 64, 80), "{} grey blocks per 256 pixels")
def block(video: VideoEdit, count: int, rng: np.random.Generator) -> VideoEdit:
    """Draw grey squares of 8 x 8 pixels at random positions of every frame.

    The published code counts whole multiples of 256 pixels of the shorter side, so it does not change small videos.
    Here the number is proportional to the side.
    """

    def change(rgb: np.ndarray) -> np.ndarray:
        height, width = rgb.shape[:2]
        changed = rgb.copy()
        number = max(1, round(count * min(height, width) / 256))
        for x, y in rng.integers(0, (width - _BLOCK, height - _BLOCK), (number, 2)):
            changed[y : y + _BLOCK, x : x + _BLOCK] = _GREY
        return changed

    return video.with_frames(change)


@perturbation("picture", (0.001, 0.002, 0.005, 0.01, 0.05), "noise, variance {}")
def noise(video: VideoEdit, variance: float, rng: np.random.Generator) -> VideoEdit:
    """Add white noise to luma and chroma; the variance is for values from 0 to 1."""

    def change(rgb: np.ndarray) -> np.ndarray:
        ycc = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb).astype(np.float32)
        ycc += 255 * variance**0.5 * rng.standard_normal(ycc.shape, np.float32)
        return cv2.cvtColor(np.clip(np.rint(ycc), 0, 255).astype(np.uint8), cv2.COLOR_YCrCb2RGB)

    return video.with_frames(change)


@perturbation("picture", (7, 9, 13, 17, 21), "blur, kernel of {} pixels")
def blur(video: VideoEdit, kernel: int, rng: np.random.Generator) -> VideoEdit:
    """Blur; sigma is a sixth of the kernel."""
    return video.with_frames(lambda rgb: cv2.GaussianBlur(rgb, (kernel, kernel), kernel / 6))


@perturbation("picture", (2, 3, 4, 5, 6), "squares of {0} x {0} pixels")
def pixelation(video: VideoEdit, side: int, rng: np.random.Generator) -> VideoEdit:
    """Give each square its mean colour. The published code (there "jpeg") smooths the squares; here they stay."""

    def change(rgb: np.ndarray) -> np.ndarray:
        height, width = rgb.shape[:2]
        small = cv2.resize(rgb, (max(1, width // side), max(1, height // side)), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)

    return video.with_frames(change)


@perturbation("picture", (30, 32, 35, 38, 40), "H.264 at CRF {}")
def compression(video: VideoEdit, crf: int, rng: np.random.Generator) -> VideoEdit:
    """Encode the frames with x264 at its default preset."""
    return video.with_frames(options={"crf": str(crf), "preset": "medium"})
