"""Where the pixels of a face look forged, in pictures: heat-maps over the face, as a report shows them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import cv2
import numpy as np

from npvf.clip import FPS, Clip
from npvf.detect.paste import MaskPiece

# From faint to certain: colours that no skin has, in order of lightness, so that they can be told apart in grey too.
COLOURS = ((50, 20, 160), (150, 20, 190), (240, 40, 170), (255, 215, 245))
OPACITY = 0.75  # of the heat where a pixel is certainly forged
_SMALL, _LARGE = 112, 336


@dataclass(slots=True)
class LocatedClip:
    """What a localizer finds in a clip of T frames.

    Shapes:
        logit_T: the frames' logits, a forged one is above 0; not calibrated.
        mask_Thw: uint8 over the crop, 255 is certainly forged; mapped from a nameless temporary file, which goes with
            the array: a film's masks would fill the memory.
        area_T: share of the face's pixels that are called forged.
    """

    logit_T: np.ndarray
    mask_Thw: np.ndarray
    area_T: np.ndarray

    def piece(self, clip: Clip) -> MaskPiece:
        """To be pasted into the source."""
        return MaskPiece(clip.meta.track, round(clip.meta.span[0] * FPS), self.mask_Thw, clip.transform_T23)


@dataclass(slots=True)
class PictureEvidence:
    """What is kept of a clip in which forged pixels were looked for.

    Attributes:
        logit_T, area_T: as in `LocatedClip`.
        worst: the frame that shows most.
        heat: small heat-maps, JPEG, by frame; empty where no pictures were asked for, like those that follow.
        worst_face, worst_heat: that frame without and with its heat-map, large.
    """

    logit_T: np.ndarray
    area_T: np.ndarray
    worst: int
    heat: dict[int, bytes] = field(default_factory=dict)
    worst_face: bytes = b""
    worst_heat: bytes = b""

    @classmethod
    def of(cls, clip: Clip, located: LocatedClip, frames: Collection[int], threshold: float) -> PictureEvidence:
        """With pictures of the given `frames` and of the worst; without any where `frames` is empty.

        From `threshold` on a pixel is outlined as forged.
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
    """The frame in which most of the face looks forged; of equal ones, the one with the highest logit."""
    return int(np.lexsort((located.logit_T, located.area_T))[-1])


def overlay(picture_HWC: np.ndarray, mask_hw: np.ndarray, threshold: float) -> np.ndarray:
    """A picture with the heat of a uint8 mask of any resolution, and an outline around what is called forged."""
    height, width = picture_HWC.shape[:2]
    mask_HW = cv2.resize(mask_hw, (width, height), interpolation=cv2.INTER_LINEAR)
    alpha_HW1 = (OPACITY / 255 * mask_HW)[..., None]
    heated = ((1 - alpha_HW1) * picture_HWC + alpha_HW1 * palette()[mask_HW]).round().astype(np.uint8)
    forged = (mask_HW >= 255 * threshold).astype(np.uint8)
    outlines, _ = cv2.findContours(forged, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(heated, outlines, -1, (255, 255, 255), 1, cv2.LINE_AA)


def palette() -> np.ndarray:
    """(256, 3) RGB: the colour of each level of a mask."""
    levels = np.linspace(0, 255, len(COLOURS))
    return np.stack([np.interp(np.arange(256), levels, channel) for channel in zip(*COLOURS, strict=True)], axis=1)


def scaled(picture_HWC: np.ndarray, side: int) -> np.ndarray:
    """Square, of another size."""
    smaller = side < picture_HWC.shape[0]
    return cv2.resize(picture_HWC, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)


def jpeg(picture_HWC: np.ndarray) -> bytes:
    """As it stands in a report."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture_HWC, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, 85))
    return data.tobytes()
