"""The talking mouth: one photographed smile becomes every mouth shape by warping two layers that meet at the lip seam.

The upper layer (upper lip, cheeks) and the lower layer (lower lip, chin, jaw) are the same photograph under two smooth
backward maps; where they part, the mouth's inside shows. Both maps are sums of (profile along x) * (profile along y),
so that a frame costs little more than two remaps of the lower face.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from npvf.faces.lips import LOWER_INNER, UPPER_INNER
from npvf.synth.cavity import Cavity

UNDER_NOSE, UPPER_OUTER, LOWER_OUTER, CHIN = 2, 0, 17, 152


@dataclass(frozen=True)
class MouthShape:
    """The shape of a mouth at one time. Lengths are in face units: 1 = half the width of the photographed mouth.

    upper, lower: how far the inner edge of each lip is from the closed line (negative: pressed or tucked in).
    jaw: how far the chin has dropped (`lower` includes this).
    width: mouth width relative to the photographed smile; tongue: 0 (down) to 1 (behind the upper teeth).
    """

    upper: float
    lower: float
    jaw: float
    width: float
    tongue: float

    @property
    def aperture(self) -> float:
        """Return the gap between the inner lips, in face units."""
        return max(0.0, self.upper + self.lower)


@dataclass(frozen=True)
class _Lips:
    """The lips at one time over the columns of the box, all (w,) float32 pixels.

    source_x: the column in the photograph; upper, lower: its lip lines there; ceiling, floor: the new positions of
    these lines; line: the line of the closed mouth; arch: 0 at the corners, 1 in the middle.
    """

    source_x: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    ceiling: np.ndarray
    floor: np.ndarray
    line: np.ndarray
    arch: np.ndarray


def _step(x: np.ndarray, start: float, end: float) -> np.ndarray:
    """Return 0 before `start`, 1 after `end`, smooth between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


class MouthWarp:
    """Warp the mouth of one dressed portrait.

    picture_HWC: (S, S, 3) uint8; landmarks_N2: (468, 2) pixels of it.
    """

    def __init__(self, picture_HWC: np.ndarray, landmarks_N2: np.ndarray) -> None:
        size = len(picture_HWC)
        points = landmarks_N2.astype(np.float32)
        left, right = points[UPPER_INNER[0]], points[UPPER_INNER[-1]]
        self.unit = unit = float(right[0] - left[0]) / 2
        self.x_mid, self.y_mid = float(left[0] + right[0]) / 2, float(points[[13, 14], 1].mean())
        top = int(points[UNDER_NOSE, 1] - 0.2 * unit)
        self.box = (slice(top, size), slice(max(int(self.x_mid - 2.6 * unit), 0), int(self.x_mid + 2.6 * unit)))
        pixels = np.arange(size, dtype=np.float32)
        self.y, self.x = pixels[self.box[0]], pixels[self.box[1]]
        self.grid_x, self.grid_y = np.meshgrid(self.x, self.y)
        self.photo_x = pixels
        self.photo_upper, self.photo_lower = (self._line(points[line]) for line in (UPPER_INNER, LOWER_INNER))
        self._profiles(points)
        self._layers(picture_HWC)

    def _line(self, points_N2: np.ndarray) -> np.ndarray:
        """Return the rows (S,) of an inner lip line of the photograph over all columns, constant beyond the corners."""
        x, y = points_N2[np.argsort(points_N2[:, 0])].T
        return PchipInterpolator(x, y)(np.clip(self.photo_x, x[0], x[-1])).astype(np.float32)

    def _profiles(self, points: np.ndarray) -> None:
        """Return the weight of each row and column in each movement."""
        nose, lip, chin = points[UNDER_NOSE, 1], points[LOWER_OUTER, 1], points[CHIN, 1]
        y, unit, lip_top = self.y, self.unit, points[UPPER_OUTER, 1]
        above, below = (self.y_mid - y) / (0.72 * unit), (y - self.y_mid) / (0.95 * unit)
        self.row_width = np.exp(-(np.maximum(above, below).clip(0) ** 2)).astype(np.float32)
        self.row_upper = _step(y, nose - 0.15 * unit, self.y_mid - 0.35 * unit)
        self.row_full = _step(y, lip_top - 0.4 * unit, lip_top + 0.05 * unit) * (1 - _step(y, lip, lip + 0.5 * unit))
        self.row_lip = 1 - _step(y, lip + 0.15 * unit, lip + 0.85 * unit)
        self.row_chin = (1 - self.row_lip) * (1 - _step(y, chin + 0.45 * unit, chin + 1.1 * unit))
        self.col_chin = np.exp(-(((self.x - self.x_mid) / (1.45 * unit)) ** 4)).astype(np.float32)

    def _layers(self, picture_HWC: np.ndarray) -> None:
        """Store the frame with the alpha of each layer, and the inside of the mouth in its own smaller box."""
        corner = 3 * (np.abs(self.photo_x - self.x_mid) > 0.99 * self.unit).astype(np.float32)
        # Half a pixel of lip is removed so that no tooth colour remains; beyond the corners the layers overlap.
        upper = np.clip(self.photo_upper - 0.5 - self.photo_x[:, None] + corner, 0, 1)
        lower = np.clip(self.photo_x[:, None] - self.photo_lower - 0.5 + corner, 0, 1)
        self.upper_layer, self.lower_layer = (
            np.dstack([picture_HWC, np.round(alpha * 255).astype(np.uint8)])[:, self.box[1]] for alpha in (upper, lower)
        )
        rows = (self.y > self.y_mid - 0.75 * self.unit) & (self.y < self.y_mid + 1.2 * self.unit)
        columns = np.abs(self.x - self.x_mid) < 1.1 * self.unit
        self.inner = tuple(slice(int(k[0]), int(k[-1]) + 1) for k in (np.flatnonzero(rows), np.flatnonzero(columns)))
        middle = (self.x_mid, self.y_mid)
        lines = (self.photo_upper, self.photo_lower)
        self.cavity = Cavity(picture_HWC, *lines, self.x[columns], self.y[rows], middle, self.unit)

    def _lips(self, shape: MouthShape) -> _Lips:
        unit, x = self.unit, self.x
        # The mouth is `width` of the smile; the map goes back to 1 over the cheeks.
        reach = np.exp(-((np.abs(x - self.x_mid) / (1.4 * unit)) ** 3))
        source_x = x + (x - self.x_mid) * (1 / shape.width - 1) * reach
        across = np.abs(source_x - self.x_mid) / unit
        arch = np.clip(1 - across**2.4, 0, 1) ** 0.8
        upper = np.interp(source_x, self.photo_x, self.photo_upper)
        lower = np.interp(source_x, self.photo_x, self.photo_lower)
        # The line of the closed mouth: half the curve of the smile, corners pulled down by the jaw, cheeks fixed.
        corner = 0.5 * (upper[0] + upper[-1]) - self.y_mid
        line = self.y_mid + 0.02 * unit + (0.5 * corner + 0.22 * shape.jaw * unit) * np.clip(across, 0, 1) ** 2
        line = upper + (line - upper) * np.where(across < 1, 1, np.exp(-((across - 1) ** 2) / 0.18))
        ceiling, floor = line - shape.upper * unit * arch, line + shape.lower * unit * arch
        return _Lips(*(a.astype(np.float32) for a in (source_x, upper, lower, ceiling, floor, line, arch)))

    def _maps(self, shape: MouthShape, lips: _Lips) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the backward maps on the box: the column of both layers, the row of the upper and of the lower one."""
        unit = np.float32(self.unit)
        map_x = self.grid_x - self.x[0] + np.outer(self.row_width, lips.source_x - self.x)
        up = self.grid_y + np.outer(self.row_upper, lips.upper - lips.ceiling)
        low = self.grid_y + np.outer(self.row_lip, lips.lower - lips.floor)
        low -= np.outer(self.row_chin, np.float32(shape.jaw) * unit * self.col_chin)
        # Rounded lips come forward: they look fuller, most of all in the middle.
        full = np.outer(self.row_full, np.float32(0.05 + 0.6 * max(0.0, 0.8 - shape.width)) * lips.arch)
        up += np.clip(lips.ceiling - self.grid_y, 0, unit / 2) * full
        low -= np.clip(self.grid_y - lips.floor, 0, unit / 2) * full
        return map_x, up, low

    def apply(self, picture_HWC: np.ndarray, shape: MouthShape) -> None:
        """Draw the mouth into `picture_HWC` (S, S, 3) uint8, a copy of the portrait."""
        lips = self._lips(shape)
        map_x, up, low = self._maps(shape, lips)
        top_HW4 = cv2.remap(self.upper_layer, map_x, up, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        low_HW4 = cv2.remap(self.lower_layer, map_x, low, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        columns = self.inner[1]
        out = low_HW4[..., :3].astype(np.float32)
        inside = self.cavity.draw(lips.ceiling[columns], lips.floor[columns], shape.width, shape.tongue)
        lip = low_HW4[(*self.inner, slice(3, 4))] / np.float32(255)
        out[self.inner] = inside + lip * (out[self.inner] - inside)
        out += (top_HW4[..., 3:] / np.float32(255)) * (top_HW4[..., :3] - out)
        if shape.aperture < 0.08:
            out[self.inner] *= self._seam(lips, 1 - shape.aperture / 0.08)
        picture_HWC[self.box] = np.clip(out, 0, 255).astype(np.uint8)

    def _seam(self, lips: _Lips, strength: float) -> np.ndarray:
        """Return the factor (h, w, 1) of the shadow between closed lips."""
        rows, columns = self.inner
        across = (self.y[rows, None] - lips.line[columns]) / np.float32(0.045 * self.unit)
        depth = np.float32(0.42 * strength) * (lips.arch[columns] > 0) * (0.6 + 0.4 * lips.arch[columns])
        return (1 - depth * np.exp(-(across**2)))[..., None]
