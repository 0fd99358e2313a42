"""Patches of any shape, anywhere on the face, changed in any way. Localizers are trained on them.

They are not a kind of `npvf forge`.
After self-blended images (Shiohara and Yamasaki, CVPR 2022). Outlines of regions would teach where forgeries usually
are; these lie everywhere on the face, so a mask has to be found by what differs inside it. Parameters are drawn once
for a clip, in coordinates of the face, so that the patch moves with the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from npvf.forge.face_patch import Box, Crop, Track, box_around, softened
from npvf.forge.face_regions import REGIONS, from_lab, grown, to_lab

_MARGIN = 0.3  # of the face's size: what warps and filters see around the patch
_SKIN = 468  # landmarks of the face; the others are the irises
_WAVES = 4  # of a blob's outline
_BUMPS = 3
_BUMP_WIDTH = 0.5  # of the face's size
OUTLINES = ("region", "hull", "blob", "blob", "two")


@dataclass(frozen=True)
class _Outline:
    """A shape: landmarks whose convex hull it is, or a centre with a radius by direction.

    Attributes:
        points: landmarks; of a blob the one in its middle.
        region: name of the region, in place of `points`.
        growth: factor of a region's or hull's size.
        radius: of a blob, in sizes of the face; 0: not a blob.
        waves: of a blob, (amplitude, phase) of the radius for 2, 3, ... waves around it.
    """

    points: tuple[int, ...]
    region: str
    growth: float
    radius: float
    waves: tuple[tuple[float, float], ...]

    @classmethod
    def draw(cls, kind: str, points_N2: np.ndarray, rng: np.random.Generator) -> _Outline:
        """Draw a "region", a "hull" of landmarks that are near one of them, or a "blob" around one of them."""
        middle = int(rng.integers(_SKIN))
        if kind == "region":
            return cls((), str(rng.choice(list(REGIONS))), rng.uniform(0.8, 1.3), 0.0, ())
        if kind == "hull":
            away_N = np.linalg.norm(points_N2[:_SKIN] - points_N2[middle], axis=1)
            near = np.argsort(away_N)[: int(np.exp(rng.uniform(np.log(60), np.log(400))))]
            return cls(tuple(rng.choice(near, 10).tolist()), "", rng.uniform(0.9, 1.3), 0.0, ())
        waves = tuple((rng.normal(0, 0.25 / n), rng.uniform(0, 2 * np.pi)) for n in range(1, _WAVES + 1))
        return cls((middle,), "", 1.0, np.exp(rng.uniform(np.log(0.4), np.log(1.8))), waves)

    def of(self, points_N2: np.ndarray, size: float) -> np.ndarray:
        """Return the polygon (P, 2) on a face with these landmarks and this size."""
        if self.radius:
            angle_P = np.linspace(0, 2 * np.pi, 48, endpoint=False)
            radius_P = 1 + sum(
                amplitude * np.cos((n + 2) * angle_P + phase) for n, (amplitude, phase) in enumerate(self.waves)
            )
            turned_P2 = np.stack([np.cos(angle_P), np.sin(angle_P)], axis=1)
            return points_N2[self.points[0]] + self.radius * size * np.maximum(radius_P, 0.3)[:, None] * turned_P2
        outline = REGIONS[self.region](points_N2) if self.region else points_N2[list(self.points)]
        return cv2.convexHull(grown(outline, self.growth).astype(np.float32))[:, 0]


@dataclass(frozen=True)
class Change:
    """The change of the pixels of a face; each part is drawn on its own, and at least one differs from nothing.

    Attributes:
        move: shift in sizes of the face, with `turn` in radians and `scale` around the middle of the patch.
        bumps: position and shift of local warps, in sizes of the face from the middle.
        colour: added to Lab.
        contrast: factor of the differences from the mean colour, and of colourfulness.
        shrink: factor of the resolution through which the pixels pass.
        blur: standard deviation in pixels; below 0, sharpening of that strength.
        noise: standard deviation in grey levels.
        jpeg: quality; 0: none.
    """

    move: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    scale: float = 1.0
    bumps: tuple[tuple[float, float, float, float], ...] = ()
    colour: tuple[float, float, float] = (0.0, 0.0, 0.0)
    contrast: tuple[float, float] = (1.0, 1.0)
    shrink: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    jpeg: int = 0
    seed: int = 0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Change:
        """Draw geometry, colour and detail; each is left out at times, never all of them."""
        while True:
            warped, coloured, detailed = rng.random(3) < (0.7, 0.7, 0.7)
            if warped or coloured or detailed:
                break
        parts: dict[str, Any] = {"seed": int(rng.integers(2**31))}
        if warped:
            angle, way = rng.uniform(0, 2 * np.pi), rng.uniform(0.01, 0.08)
            bumps = np.column_stack([rng.uniform(-1, 1, (_BUMPS, 2)), rng.normal(0, 0.04, (_BUMPS, 2))])
            parts |= {
                "move": (way * np.cos(angle), way * np.sin(angle)),
                "turn": rng.normal(0, 0.03),
                "scale": rng.uniform(0.95, 1.05),
                "bumps": tuple(map(tuple, bumps.tolist())),
            }
        if coloured:
            parts |= {
                "colour": tuple(rng.normal(0, (7.0, 4.0, 5.0)).tolist()),
                "contrast": (rng.uniform(0.8, 1.25), rng.uniform(0.7, 1.3)),
            }
        if detailed:
            parts |= _draw_detail(rng)
        return cls(**parts)

    def of(self, picture_HWC: np.ndarray, centre: np.ndarray, size: float) -> np.ndarray:
        """Change a picture, uint8 to float32; `centre` (x, y) and `size` are the patch's middle and the face's size."""
        made = self._warped(picture_HWC.astype(np.float32), centre, size)
        if any(self.colour) or self.contrast != (1.0, 1.0):
            lab = to_lab(made)
            mean = lab.mean(axis=(0, 1))
            luma, chroma = self.contrast
            made = from_lab((lab - mean) * np.array([luma, luma * chroma, luma * chroma]) + mean + self.colour)
        return self._detailed(made)

    def _warped(self, picture: np.ndarray, centre: np.ndarray, size: float) -> np.ndarray:
        if not self.bumps:
            return picture
        height, width = picture.shape[:2]
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        x, y = (x - np.float32(centre[0])) / np.float32(size), (y - np.float32(centre[1])) / np.float32(size)
        cos, sin = np.float32(np.cos(self.turn) * self.scale), np.float32(np.sin(self.turn) * self.scale)
        there_x, there_y = cos * x - sin * y + np.float32(self.move[0]), sin * x + cos * y + np.float32(self.move[1])
        for at_x, at_y, dx, dy in self.bumps:
            near = np.exp(np.float32(-0.5 / _BUMP_WIDTH**2) * (np.square(x - at_x) + np.square(y - at_y)))
            there_x, there_y = there_x + dx * near, there_y + dy * near
        there = (there_x * size + centre[0]).astype(np.float32), (there_y * size + centre[1]).astype(np.float32)
        return cv2.remap(picture, *there, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)

    def _detailed(self, made: np.ndarray) -> np.ndarray:
        height, width = made.shape[:2]
        if self.shrink < 1:
            small = (max(2, round(width * self.shrink)), max(2, round(height * self.shrink)))
            coarse = cv2.resize(made, small, interpolation=cv2.INTER_AREA)
            made = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        if self.blur > 0:
            made = cv2.GaussianBlur(made, (0, 0), self.blur)
        elif self.blur < 0:
            made = made - self.blur * (made - cv2.GaussianBlur(made, (0, 0), 1.0))
        if self.noise:
            shape, own = made.shape, np.random.default_rng(self.seed)
            made = made + self.noise * own.standard_normal(shape, np.float32)
        if self.jpeg:
            bgr = np.clip(made, 0, 255).astype(np.uint8)[..., ::-1]
            _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
            decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
            assert decoded is not None  # it was encoded here
            made = decoded[..., ::-1].astype(np.float32)
        return made


def _draw_detail(rng: np.random.Generator) -> dict[str, Any]:
    """Draw one or two changes of detail."""
    ways = ("shrink", "shrink", "blur", "sharpen", "noise", "jpeg")
    drawn: dict[str, dict[str, Any]] = {
        "shrink": {"shrink": rng.uniform(0.2, 0.7)},
        "blur": {"blur": rng.uniform(0.7, 2.5)},
        "sharpen": {"blur": -rng.uniform(0.5, 2.5)},
        "noise": {"noise": rng.uniform(2.0, 10.0)},
        "jpeg": {"jpeg": int(rng.integers(10, 60))},
    }
    found: dict[str, Any] = {}
    for way in rng.choice(ways, int(rng.integers(1, 3)), replace=False):
        found |= drawn[str(way)]
    return found


@dataclass(frozen=True)
class _Recipe:
    outlines: tuple[_Outline, ...]
    feather: float  # width of the soft edge, in sizes of the face
    ratio: float  # how much of the changed face is blended in
    change: Change


@dataclass(frozen=True)
class RandomPatch:
    """The patch on one track, see `Patch`."""

    track: Track
    recipe: _Recipe

    @classmethod
    def draw(cls, track: Track, rng: np.random.Generator) -> RandomPatch:
        """Draw shapes, edge and change. The edge is hard, of a pixel or two, at times."""
        kind = str(rng.choice(OUTLINES))
        kinds = ("blob", str(rng.choice(["hull", "region"]))) if kind == "two" else (kind,)
        outlines = tuple(_Outline.draw(k, track.steady_TN2[0], rng) for k in kinds)
        feather = float(np.exp(rng.uniform(np.log(0.02), np.log(0.3))))
        ratio = float(rng.choice([0.6, 0.8, 1.0, 1.0]))
        return cls(track, _Recipe(outlines, feather, ratio, Change.draw(rng)))

    def share(self, frame: int, size_hw: tuple[int, int]) -> np.ndarray:
        """Return the share of each pixel that is replaced."""
        points_N2, size = self.track.steady_TN2[frame], self.track.size(frame)
        inside = np.zeros((size_hw[0] + 2, size_hw[1] + 2), np.uint8)
        for outline in self.recipe.outlines:
            cv2.fillPoly(inside, [outline.of(points_N2, size).round().astype(np.int32) + 1], 1)
        return self.recipe.ratio * softened(inside, max(self.recipe.feather * size, 1.0))

    def paint(self, picture: np.ndarray, frame: int, box: Box, share: np.ndarray) -> np.ndarray:
        """Return the changed face. Warps and filters see a margin around the box."""
        x0, y0, x1, y1 = box
        size = self.track.size(frame)
        corners = np.array([(x0, y0), (x1 - 1, y1 - 1)])
        crop = Crop.of(picture, box_around(corners, _MARGIN * size, *picture.shape[:2]))
        made = self.recipe.change.of(crop.picture_HWC, corners.mean(axis=0) - crop.corner, size)
        left, top = x0 - crop.corner[0], y0 - crop.corner[1]
        return made[top : top + y1 - y0, left : left + x1 - x0]
