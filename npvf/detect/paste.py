"""Map masks from the face crops back to the frames of the source video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from npvf.clip import CROP_SIZE, FPS


@dataclass(frozen=True, slots=True)
class MaskPiece:
    """The mask of one clip: T frames of one face.

    Attributes:
        track: the number of the track in its video.
        start: the first frame, counted from the start of the video at 25 frames a second.
        mask_Thw: (T, h, w) uint8 over the crop, at any resolution; 255 is a probability of 1.
        transform_T23: (T, 2, 3), source pixels -> pixels of the 224-pixel crop, as in `Clip`.
    """

    track: int
    start: int
    mask_Thw: np.ndarray
    transform_T23: np.ndarray

    @property
    def stop(self) -> int:
        """The frame after the last one."""
        return self.start + len(self.mask_Thw)


def source_masks(
    pieces: Sequence[MaskPiece], frames: int, size: tuple[int, int], fps: float = FPS
) -> Iterator[np.ndarray]:
    """Yield the mask of each frame of the source video: (H, W) uint8, the maximum over all faces.

    The mask is 0 outside of the tracked faces.

    Args:
        pieces: the masks of one video, in any order.
        frames: the length of the video in frames, at 25 frames a second.
        size: width and height of the video.
        fps: masks to yield for each second; each is the mask of the crop at its time.
    """
    for count in range(round(frames * fps / FPS)):
        frame = int(count * FPS / fps + 1e-6)
        mask_HW = np.zeros((size[1], size[0]), np.uint8)
        for piece in pieces:
            if piece.start <= frame < piece.stop:
                at = frame - piece.start
                np.maximum(mask_HW, paste(piece.mask_Thw[at], piece.transform_T23[at], size), out=mask_HW)
        yield mask_HW


def paste(mask_hw: np.ndarray, transform_23: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Map one mask from a crop to a frame: (H, W) of the type of the mask, 0 outside the crop.

    Args:
        mask_hw: the mask over the crop, at any resolution.
        transform_23: source pixels -> pixels of the 224-pixel crop.
        size: width and height of the frame.
    """
    transform = transform_23.astype(np.float64)
    # If several mask pixels fall into one pixel of the frame, average them first: interpolation would skip some.
    shrink = int(np.sqrt(abs(np.linalg.det(transform[:, :2]))) * mask_hw.shape[1] / CROP_SIZE)
    if shrink >= 2:
        mask_hw = cv2.resize(mask_hw, [max(1, n // shrink) for n in mask_hw.shape[::-1]], interpolation=cv2.INTER_AREA)
    # Pixel centres are at + 1/2, so mask + 1/2 = scale x (crop + 1/2).
    scale = np.array([[mask_hw.shape[1]], [mask_hw.shape[0]]]) / CROP_SIZE
    transform = scale * transform
    transform[:, 2:] += scale / 2 - 0.5
    return cv2.warpAffine(mask_hw, transform, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=0)
