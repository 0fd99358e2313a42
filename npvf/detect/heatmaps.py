"""Heat-maps of the forged pixels of a face, for the report."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import cv2
import numpy as np

from npvf.clip import FPS, Clip
from npvf.detect.paste import MaskPiece

# From faint to called forged. Skin does not have these colours, and they get lighter, so they also differ in grey.
COLOURS = ((50, 20, 160), (150, 20, 190), (240, 40, 170), (255, 215, 245))
OPACITY = 0.75  # of the heat-map at pixels that are called forged
_SMALL, _LARGE = 112, 336


@dataclass(slots=True)
class LocatedClip:
    """The result of a localizer for a clip of T frames.

    Shapes:
        logit_T: the logit of each frame, above 0 for a forged one; not calibrated.
        mask_Thw: the probability of forged for the pixels of the crop, uint8, 255 is 1. The masks of a long video would
            fill the memory, so they are mapped from a temporary file that is deleted together with the array.
        area_T: the share of the pixels of the face that are called forged.
    """

    logit_T: np.ndarray
    mask_Thw: np.ndarray
    area_T: np.ndarray

    def piece(self, clip: Clip) -> MaskPiece:
        """Return the mask with its position in the source video."""
        return MaskPiece(clip.meta.track, round(clip.meta.span[0] * FPS), self.mask_Thw, clip.transform_T23)


@dataclass(slots=True)
class PictureEvidence:
    """The images and figures kept from a clip that a localizer has judged.

    Attributes:
        logit_T, area_T: as in `LocatedClip`.
        worst: the frame with the largest forged area.
        heat: small heat-maps by frame, as JPEG. These and the following images are empty if no images are requested.
        worst_face, worst_heat: a large image of the worst frame, without and with its heat-map.
    """

    logit_T: np.ndarray
    area_T: np.ndarray
    worst: int
    heat: dict[int, bytes] = field(default_factory=dict)
    worst_face: bytes = b""
    worst_heat: bytes = b""

    @classmethod
    def of(cls, clip: Clip, located: LocatedClip, frames: Collection[int], threshold: float) -> PictureEvidence:
        """Return the evidence with images of `frames` and of the worst frame; without any if `frames` is empty.

        Pixels with a probability of at least `threshold` are outlined as forged.
        """
        item = cls(located.logit_T, located.area_T, worst_frame(located))

        def heat(frame: int, side: int) -> bytes:
            return jpeg(overlay(scaled(clip.face_THWC[frame], side), located.mask_Thw[frame], threshold))

        if frames:
            item.heat = {frame: heat(frame, _SMALL) for frame in frames}
            item.worst_face = jpeg(scaled(clip.face_THWC[item.worst], _LARGE))
            item.worst_heat = heat(item.worst, _LARGE)
        return item


def worst_frame(located: LocatedClip) -> int:
    """Return the frame with the largest forged area; of equal ones, the one with the highest logit."""
    return int(np.lexsort((located.logit_T, located.area_T))[-1])


def overlay(picture_HWC: np.ndarray, mask_hw: np.ndarray, threshold: float) -> np.ndarray:
    """Return an image with the heat-map of a uint8 mask of any resolution, and an outline around forged pixels.

    The colour begins at a tenth of the threshold's odds and is full from the threshold on: what is farther from being
    called forged than that means nothing. A genuine face can still be coloured where it comes near to it.
    """
    height, width = picture_HWC.shape[:2]
    mask_HW = cv2.resize(mask_hw, (width, height), interpolation=cv2.INTER_LINEAR)
    heat_HW = heat_levels(threshold)[mask_HW]
    alpha_HW1 = (OPACITY / 255 * heat_HW)[..., None]
    heated = ((1 - alpha_HW1) * picture_HWC + alpha_HW1 * palette()[heat_HW]).round().astype(np.uint8)
    forged = (mask_HW >= 255 * threshold).astype(np.uint8)
    outlines, _ = cv2.findContours(forged, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(heated, outlines, -1, (255, 255, 255), 1, cv2.LINE_AA)


def heat_levels(threshold: float) -> np.ndarray:
    """Return the heat (256,) uint8 of each level of a mask: 0 up to a tenth of the threshold's odds, then up to 255."""
    share = np.clip(np.append(np.arange(256) / 255, threshold), 0.5 / 255, 1 - 0.5 / 255)
    log_odds = np.log10(share / (1 - share))
    heat = (255 * np.clip(log_odds[:-1] - log_odds[-1] + 1, 0, 1)).round().astype(np.uint8)
    heat[0] = 0  # whatever the threshold
    return heat


def palette() -> np.ndarray:
    """Return the colour of each level of heat: (256, 3) RGB."""
    levels = np.linspace(0, 255, len(COLOURS))
    return np.stack([np.interp(np.arange(256), levels, channel) for channel in zip(*COLOURS, strict=True)], axis=1)


def scaled(picture_HWC: np.ndarray, side: int) -> np.ndarray:
    """Resize an image to a square of `side` pixels."""
    smaller = side < picture_HWC.shape[0]
    return cv2.resize(picture_HWC, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)


def jpeg(picture_HWC: np.ndarray) -> bytes:
    """Encode an image as JPEG, for the report."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture_HWC, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, 85))
    return data.tobytes()
