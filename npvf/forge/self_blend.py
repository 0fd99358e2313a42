"""Blend the clip's own face, slightly warped and recoloured, back in: the seams of a swap without a second face.

The idea is that of self-blended images (Shiohara and Yamasaki, CVPR 2022), here for video: the random parameters are
drawn once for a clip, in coordinates of the face, so that the patch moves with the face. The code is our own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from npvf.faces.geometry import face_centre
from npvf.forge.face_patch import Box, Crop, Track, box_around, feathered, patch_video, spline_warp
from npvf.forge.face_regions import FACE, REGIONS, from_lab, grown, to_lab
from npvf.forge.source_video import Forged, SourceVideo

_OUTLINES = ("face", "face", "lower face", "upper face")
_BUMPS = 4  # of the face's shape
_BUMP_WIDTH = 0.8  # of the face's size


@dataclass(frozen=True)
class _Recipe:
    """The random parameters of the change; lengths are shares of the size of the face."""

    outline: str
    growth: float
    feather: float
    ratio: float  # how much of the changed face is blended in
    turn: float  # radians
    scale: float
    move: tuple[float, float]
    bumps: tuple[tuple[float, float, float, float], ...]  # position x, y and shift x, y
    colour: tuple[float, float, float]  # added to Lab
    contrast: float
    detail: str
    amount: float  # strength of the change of detail

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Recipe:
        angle, way = rng.uniform(0, 2 * np.pi), rng.uniform(0.03, 0.08)
        bumps = np.column_stack([rng.uniform(-1.2, 1.2, (_BUMPS, 2)), rng.normal(0, 0.05, (_BUMPS, 2))])
        return cls(
            outline=str(rng.choice(_OUTLINES)),
            growth=round(rng.uniform(0.9, 1.08), 3),
            feather=round(rng.uniform(0.15, 0.45), 3),
            ratio=float(rng.choice([0.75, 0.9, 1.0])),
            turn=round(rng.normal(0, 0.02), 4),
            scale=round(rng.uniform(0.96, 1.04), 4),
            move=(round(float(way * np.cos(angle)), 4), round(float(way * np.sin(angle)), 4)),
            bumps=tuple(tuple(round(float(v), 4) for v in row) for row in bumps),  # type: ignore[misc]
            colour=tuple(round(float(v), 2) for v in rng.normal(0, (3.5, 2.0, 2.5))),  # type: ignore[arg-type]
            contrast=round(rng.uniform(0.9, 1.1), 3),
            detail=str(rng.choice(["as it is", "softer", "sharper", "coarser"])),
            amount=round(rng.uniform(0.4, 1.0), 3),
        )

    def moved(self, points_N2: np.ndarray, centre: np.ndarray, size: float) -> np.ndarray:
        """Return the positions in the frame from which the pixels at `points` are taken."""
        at = (points_N2 - centre) / size
        cos, sin = np.cos(self.turn) * self.scale, np.sin(self.turn) * self.scale
        away = at @ np.array([(cos, sin), (-sin, cos)]) + self.move
        for x, y, dx, dy in self.bumps:
            near = np.exp(-np.square(at - (x, y)).sum(axis=1) / (2 * _BUMP_WIDTH**2))
            away += near[:, None] * (dx, dy)
        return np.asarray(centre + size * away)

    def recoloured(self, made_hwC: np.ndarray) -> np.ndarray:
        """Change colour, contrast and detail."""
        lab = to_lab(made_hwC)
        mean = lab.mean(axis=(0, 1))
        return self._detailed(from_lab((lab - mean) * self.contrast + mean + self.colour))

    def _detailed(self, made: np.ndarray) -> np.ndarray:
        made = made.astype(np.float32)
        soft = cv2.GaussianBlur(made, (0, 0), 0.6 + self.amount)
        if self.detail == "softer":
            return soft
        if self.detail == "sharper":
            return np.clip(made + self.amount * (made - soft), 0, 255)
        if self.detail == "coarser":
            height, width = made.shape[:2]
            small = (max(2, round(width * (1 - self.amount / 2))), max(2, round(height * (1 - self.amount / 2))))
            return cv2.resize(cv2.resize(made, small, interpolation=cv2.INTER_AREA), (width, height))
        return made


def self_blend(source: SourceVideo, frames: int, donors: list[SourceVideo], rng: np.random.Generator) -> Forged:
    """Forge the source video by a small change of its own face. Raises Refused(NO_FACE), or NpvfError for two faces."""
    return patch_video(source, frames, SelfBlend.draw, rng)


@dataclass(frozen=True)
class SelfBlend:
    """The patch of a self-blend on one track, see `Patch`."""

    track: Track
    recipe: _Recipe

    @classmethod
    def draw(cls, track: Track, rng: np.random.Generator) -> SelfBlend:
        """Draw the recipe."""
        return cls(track, _Recipe.draw(rng))

    def share(self, frame: int, size_hw: tuple[int, int]) -> np.ndarray:
        """Return the share of each pixel that is replaced."""
        outline = grown(REGIONS[self.recipe.outline](self.track.steady_TN2[frame]), self.recipe.growth)
        return self.recipe.ratio * feathered(outline, self.recipe.feather * self.track.size(frame), size_hw)

    def paint(self, picture: np.ndarray, frame: int, box: Box, share: np.ndarray) -> np.ndarray:
        """Return the changed face."""
        size, here = self.track.size(frame), self.track.steady_TN2[frame][FACE]
        there = self.recipe.moved(here, face_centre(self.track.steady_TN2[frame]), size)
        crop = Crop.of(picture, box_around(np.concatenate([here, there]), size, *picture.shape[:2]))
        return self.recipe.recoloured(spline_warp(crop.picture_HWC, there - crop.corner, here, box))
