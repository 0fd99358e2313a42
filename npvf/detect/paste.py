"""Masks from the face crops, where they are made, back into the frames of the source video, where they are wanted."""

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
        track: the face's number in its video.
        start: the first frame, on the video's clock of 25 frames a second.
        mask_Thw: (T, h, w) uint8 over the crop, at any resolution; 255 is certainly forged.
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
    """The mask of each frame of the source: (H, W) uint8, several faces joined by their maximum.

    Where no face was followed the mask is 0.

    Args:
        pieces: of one video, in any order.
        frames: the source's length at 25 frames a second.
        size: its width and height.
        fps: the rate to give masks at; each is that of the crop shown at the time.
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
    """One mask over a crop into a picture of `size` (width, height): (H, W) of the mask's type, 0 outside the crop.

    Args:
        mask_hw: at any resolution.
        transform_23: source pixels -> pixels of the 224-pixel crop.
        size: of the source.
    """
    transform = transform_23.astype(np.float64)
    # A face much smaller than its crop: shrink by area averaging first, as `align` does the other way round.
    shrink = int(np.sqrt(abs(np.linalg.det(transform[:, :2]))) * mask_hw.shape[1] / CROP_SIZE)
    if shrink >= 2:
        mask_hw = cv2.resize(mask_hw, [max(1, n // shrink) for n in mask_hw.shape[::-1]], interpolation=cv2.INTER_AREA)
    # Pixel centres: crop + 1/2 and mask + 1/2 differ by the factor of the two sizes.
    scale = np.array([[mask_hw.shape[1]], [mask_hw.shape[0]]]) / CROP_SIZE
    transform = scale * transform
    transform[:, 2:] += scale / 2 - 0.5
    return cv2.warpAffine(mask_hw, transform, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=0)
