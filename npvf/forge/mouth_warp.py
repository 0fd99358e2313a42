"""Another mouth in the same picture: lips and chin are warped and blended in. Localizers are trained on it.

It is not a kind of `npvf forge`: it leaves the traces of `mouth_reanimated` and of `mouth_calibrated` without the other
footage that these take, so that it can be made of a window of a few frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npvf.faces.lips import LIPS
from npvf.forge.face_patch import Box, Crop, Track, box_around, feathered, spline_warp
from npvf.forge.face_regions import up
from npvf.forge.mouth_transfer import FEATHER, MARGIN, MOVING, PINS, patch_outline


@dataclass(frozen=True)
class _Recipe:
    """The random parameters; lengths are in sizes of the face.

    Attributes:
        opening, width: factors of the lips' height and width.
        jaw: how far the chin is moved downwards.
        turn, scale, move: by how much the footage would be off after its alignment.
        colour: added to the pixels, RGB grey levels; the match of colours at the rim takes most of it away.
        feather: width of the soft edge.
    """

    opening: float
    width: float
    jaw: float
    turn: float  # radians
    scale: float
    move: tuple[float, float]
    colour: tuple[float, float, float]
    feather: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Recipe:
        return cls(
            opening=float(rng.uniform(0.3, 1.9)),
            width=float(rng.uniform(0.85, 1.15)),
            jaw=float(rng.normal(0, 0.12)),
            turn=float(rng.normal(0, 0.04)),
            scale=float(np.exp(rng.normal(0, 0.05))),
            move=(float(rng.normal(0, 0.04)), float(rng.normal(0, 0.04))),
            colour=tuple(rng.normal(0, 1.5, 3).tolist()),
            feather=FEATHER * float(rng.uniform(0.6, 1.2)),
        )


@dataclass(frozen=True)
class MouthWarp:
    """The patch on one track, see `Patch`."""

    track: Track
    recipe: _Recipe

    @classmethod
    def draw(cls, track: Track, rng: np.random.Generator) -> MouthWarp:
        """Draw the recipe."""
        return cls(track, _Recipe.draw(rng))

    def share(self, frame: int, size_hw: tuple[int, int]) -> np.ndarray:
        """Return the share of each pixel that is replaced."""
        size = self.track.size(frame)
        outline_N2 = patch_outline(self.track, frame, self._goal(frame), size)
        return feathered(outline_N2, self.recipe.feather * size, size_hw)

    def paint(self, picture: np.ndarray, frame: int, box: Box, share: np.ndarray) -> np.ndarray:
        """Return the changed mouth."""
        pins_N2, size = self.track.steady_TN2[frame][PINS], self.track.size(frame)
        here_N2 = np.concatenate([self._goal(frame), pins_N2])
        there_N2 = self._misaligned(np.concatenate([self.track.landmarks_TN2[frame][MOVING], pins_N2]), size)
        crop = Crop.of(picture, box_around(np.concatenate([here_N2, there_N2]), MARGIN * size, *picture.shape[:2]))
        warped_hwC = spline_warp(crop.picture_HWC, there_N2 - crop.corner, here_N2, box)
        return warped_hwC + np.array(self.recipe.colour, np.float32)

    def _goal(self, frame: int) -> np.ndarray:
        """Return where the moving points of lips and chin go."""
        points_N2, size = self.track.landmarks_TN2[frame][MOVING], self.track.size(frame)
        upwards = up(self.track.steady_TN2[frame])
        aside = np.array([-upwards[1], upwards[0]])
        lips_N2, chin_N2 = points_N2[: len(LIPS)], points_N2[len(LIPS) :]
        middle = lips_N2.mean(axis=0)
        height_N, width_N = (lips_N2 - middle) @ upwards, (lips_N2 - middle) @ aside
        recipe = self.recipe
        moved_N2 = middle + recipe.opening * height_N[:, None] * upwards + recipe.width * width_N[:, None] * aside
        return np.concatenate([moved_N2, chin_N2 - recipe.jaw * size * upwards])

    def _misaligned(self, points_N2: np.ndarray, size: float) -> np.ndarray:
        """Return the points a little off, as those of other footage are after its alignment."""
        centre = points_N2.mean(axis=0)
        cos, sin = np.cos(self.recipe.turn) * self.recipe.scale, np.sin(self.recipe.turn) * self.recipe.scale
        turned_N2 = (points_N2 - centre) @ np.array([(cos, sin), (-sin, cos)])
        return np.asarray(centre + turned_N2 + size * np.array(self.recipe.move))
