"""Smooth a region of the face, fill it in from around it, or reduce its detail, as retouching does."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from npvf.forge.face_patch import Box, Track, feathered, patch_video
from npvf.forge.face_regions import REGIONS, grown
from npvf.forge.source_video import Forged, SourceVideo

_MARGIN = 0.5  # of the face's size: the margin around the patch that a filter needs
# Plain skin can be filled in from around it, unlike lips and eyes; to smooth it would not leave a trace.
_FILLED = ("forehead", "left cheek", "right cheek", "chin")


@dataclass(frozen=True)
class _Recipe:
    """The random parameters: region, size, and method with its `amount` in [0, 1]."""

    region: str
    growth: float
    feather: float
    method: str
    amount: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Recipe:
        region = str(rng.choice(list(REGIONS)))
        methods = ["coarser", "filled in", "filled in"] if region in _FILLED else ["coarser", "smoothed"]
        return cls(
            region=region,
            growth=round(rng.uniform(1.0, 1.4) if region != "face" else 1.0, 3),
            feather=round(rng.uniform(0.12, 0.3), 3),
            method=str(rng.choice(methods)),
            amount=round(rng.uniform(0.3, 1.0), 3),
        )

    def applied(self, picture_hwC: np.ndarray, share_hw: np.ndarray, size: float) -> np.ndarray:
        """Forge the region at these shares in a part of a frame: uint8 in, float32 out."""
        if self.method == "smoothed":
            reach = (0.06 + 0.06 * self.amount) * size
            return cv2.bilateralFilter(picture_hwC, -1, 40 + 50 * self.amount, reach).astype(np.float32)
        if self.method == "filled in":
            inside = (share_hw > 0).astype(np.uint8)
            filled = cv2.inpaint(picture_hwC, inside, max(2, 0.05 * size), cv2.INPAINT_TELEA)
            return cv2.GaussianBlur(filled.astype(np.float32), (0, 0), 0.05 * size)
        height, width = picture_hwC.shape[:2]
        # The size of the face becomes 8 to 16 pixels, whatever the resolution of the camera.
        shrink = min(0.6, (16 - 8 * self.amount) / size)
        small = (max(2, round(width * shrink)), max(2, round(height * shrink)))
        coarse = cv2.resize(picture_hwC, small, interpolation=cv2.INTER_AREA).astype(np.float32)
        return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def smoothed(source: SourceVideo, frames: int, donors: list[SourceVideo], rng: np.random.Generator) -> Forged:
    """Retouch a region of the face of the source video. Raises Refused(NO_FACE), or NpvfError for two faces."""
    return patch_video(source, frames, Smoothing.draw, rng)


@dataclass(frozen=True)
class Smoothing:
    """The patch of a retouch on one track, see `Patch`."""

    track: Track
    recipe: _Recipe

    @classmethod
    def draw(cls, track: Track, rng: np.random.Generator) -> Smoothing:
        """Draw the recipe."""
        return cls(track, _Recipe.draw(rng))

    def share(self, frame: int, size_hw: tuple[int, int]) -> np.ndarray:
        """Return the share of each pixel that is replaced."""
        outline = grown(REGIONS[self.recipe.region](self.track.steady_TN2[frame]), self.recipe.growth)
        return feathered(outline, self.recipe.feather * self.track.size(frame), size_hw)

    def paint(self, picture: np.ndarray, frame: int, box: Box, share: np.ndarray) -> np.ndarray:
        """Return the retouched region. The filters see a margin around it."""
        (height, width), size = picture.shape[:2], self.track.size(frame)
        margin = round(_MARGIN * size)
        x0, y0, x1, y1 = box
        left, top = max(0, x0 - margin), max(0, y0 - margin)
        right, bottom = min(width, x1 + margin), min(height, y1 + margin)
        wide = np.zeros((bottom - top, right - left), np.float32)
        inner = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        wide[inner] = share
        return self.recipe.applied(np.ascontiguousarray(picture[top:bottom, left:right]), wide, size)[inner]
