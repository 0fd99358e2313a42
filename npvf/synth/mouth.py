"""The talking mouth: one photographed smile becomes every mouth shape by warping two layers that meet at the lip seam.

The upper layer (upper lip, cheeks) and the lower layer (lower lip, chin, jaw) are the same photograph under two smooth
backward maps. Where they part, the mouth's inside shows: a dark cavity, the photograph's own teeth, a hint of tongue.
Both maps are sums of (profile along x) * (profile along y), so a frame costs two small matrix products and two remaps.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

UPPER_INNER = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308]
LOWER_INNER = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]
UNDER_NOSE, UPPER_OUTER, LOWER_OUTER, CHIN = 2, 0, 17, 152


@dataclass(frozen=True)
class MouthShape:
    """One moment of a mouth. Lengths are in face units: 1 = half the width of the photographed mouth.

    upper, lower: how far the inner edge of each lip is from the closed line (negative: pressed or tucked in).
    jaw: how far the chin has dropped (its part of `lower` is included there).
    width: mouth width against the photographed smile; tongue: 0 (down) to 1 (behind the upper teeth).
    """

    upper: float
    lower: float
    jaw: float
    width: float
    tongue: float

    @property
    def aperture(self) -> float:
        """The gap between the inner lips, in face units."""
        return max(0.0, self.upper + self.lower)


def _step(x: np.ndarray, start: float, end: float) -> np.ndarray:
    """0 before `start`, 1 after `end`, smooth between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


class MouthWarp:
    """Warps the mouth of one dressed portrait.

    picture_HWC: (S, S, 3) uint8; landmarks_N2: (468, 2) pixels of it.
    """

    def __init__(self, picture_HWC: np.ndarray, landmarks_N2: np.ndarray) -> None:
        size = len(picture_HWC)
        points = landmarks_N2.astype(np.float32)
        left, right = points[UPPER_INNER[0]], points[UPPER_INNER[-1]]
        self.unit = float(right[0] - left[0]) / 2
        self.x_mid, self.y_mid = float(left[0] + right[0]) / 2, float(points[[13, 14], 1].mean())
        x0, x1 = int(self.x_mid - 2.6 * self.unit), int(self.x_mid + 2.6 * self.unit)
        y0, y1 = int(points[UNDER_NOSE, 1] - 0.2 * self.unit), size
        self.box = (slice(y0, y1), slice(max(x0, 0), min(x1, size)))
        self.x = np.arange(size, dtype=np.float32)[self.box[1]]
        self.y = np.arange(size, dtype=np.float32)[self.box[0]]
        self.grid_x, self.grid_y = (a.astype(np.float32) for a in np.meshgrid(self.x, self.y))
        self._curves(points, size)
        self._row_profiles(points)
        self._layers(picture_HWC)

    def _curves(self, points: np.ndarray, size: int) -> None:
        """The inner lip lines y(x) of the photograph; beyond the corners both follow one level line."""
        x = np.arange(size, dtype=np.float32)
        curves = []
        for indices in (UPPER_INNER, LOWER_INNER):
            p = points[indices][np.argsort(points[indices, 0])]
            inside = np.clip(x, p[0, 0], p[-1, 0])
            curves.append(PchipInterpolator(p[:, 0], p[:, 1])(inside).astype(np.float32))
        self.photo_x, (self.photo_upper, self.photo_lower) = x, curves

    def _row_profiles(self, points: np.ndarray) -> None:
        nose, lip, chin = points[UNDER_NOSE, 1], points[LOWER_OUTER, 1], points[CHIN, 1]
        y, unit = self.y, self.unit
        above, below = (self.y_mid - y) / (0.72 * unit), (y - self.y_mid) / (0.95 * unit)
        self.row_width = np.exp(-(np.clip(np.maximum(above, below), 0, None) ** 2)).astype(np.float32)
        self.row_upper = _step(y, nose - 0.15 * unit, self.y_mid - 0.35 * unit)
        lip_top = points[UPPER_OUTER, 1]
        self.row_full = _step(y, lip_top - 0.4 * unit, lip_top + 0.05 * unit) * (1 - _step(y, lip, lip + 0.5 * unit))
        self.row_lip = 1 - _step(y, lip + 0.15 * unit, lip + 0.85 * unit)
        fall = 1 - _step(y, chin + 0.45 * unit, chin + 1.1 * unit)
        self.row_chin = (1 - self.row_lip) * fall
        self.col_chin = np.exp(-(((self.x - self.x_mid) / (1.45 * unit)) ** 4)).astype(np.float32)

    def _layers(self, picture_HWC: np.ndarray) -> None:
        """The picture once with the alpha of each layer, and the still inside of the mouth."""
        y = np.arange(len(picture_HWC), dtype=np.float32)[:, None]
        corner = (np.abs(self.photo_x - self.x_mid) > 0.99 * self.unit).astype(np.float32)
        # One pixel of lip is given up so that no tooth sticks to a lip's edge; beyond the corners the layers overlap.
        upper = np.clip(self.photo_upper - 0.5 - y + 3 * corner, 0, 1)
        lower = np.clip(y - self.photo_lower - 0.5 + 3 * corner, 0, 1)
        self.upper_layer = np.dstack([picture_HWC, np.round(upper * 255).astype(np.uint8)])
        self.lower_layer = np.dstack([picture_HWC, np.round(lower * 255).astype(np.uint8)])
        self.teeth = self._teeth(picture_HWC)

    def _teeth(self, picture_HWC: np.ndarray) -> np.ndarray:
        """(h, w, 4) uint8: the photographed upper teeth on the mouth's box, flattened from the smile's arc."""
        unit = self.unit
        away = np.abs(self.x - self.x_mid) / unit
        bottom = self.y_mid + 0.10 * unit - 0.05 * unit * away**2
        columns = np.clip(self.x, self.x_mid - 0.93 * unit, self.x_mid + 0.93 * unit)
        low = np.interp(columns, self.photo_x, self.photo_lower) - 1.0
        high = np.interp(columns, self.photo_x, self.photo_upper) + 1.0
        depth = np.clip((bottom[None] - self.y[:, None]) / (0.36 * unit), 0, 1)
        map_y = (low[None] - depth * (low - high)[None]).astype(np.float32)
        map_x = np.broadcast_to(columns, map_y.shape).astype(np.float32)
        teeth = cv2.remap(picture_HWC, map_x, map_y, cv2.INTER_LINEAR).astype(np.float32)
        shade = np.exp(-((away / 0.72) ** 4))[None, :, None] * 0.97
        alpha = np.clip(bottom[None] - self.y[:, None] + 0.5, 0, 1) * (away < 0.95)[None]
        return np.dstack([np.clip(teeth * shade, 0, 255), alpha * 255]).astype(np.uint8)

    def _inside(self, shape: MouthShape, line: np.ndarray, arch: np.ndarray) -> np.ndarray:
        """(h, w, 3) float32: cavity, tongue, upper teeth, as lit through an opening of this size."""
        unit = self.unit
        floor = line + shape.lower * unit * arch  # the lower lip's edge
        up = (floor[None] - self.y[:, None]) / unit  # height above it
        away = ((self.x - self.x_mid) / unit)[None]
        surface = (0.16 + 0.24 * shape.tongue) * (1 - (away / 0.8) ** 2)
        tongue = np.clip((surface - up) * 0.35 * unit, 0, 1) * (np.abs(away) < 0.8)
        cavity = np.array([46, 20, 19], np.float32)
        flesh = np.array([150, 74, 72], np.float32) * (0.55 + 0.35 * shape.tongue)
        colour = cavity + tongue[..., None].astype(np.float32) * (flesh - cavity)
        bare = np.clip((shape.width - 0.55) / 0.3, 0.15, 1)  # rounded lips come before the teeth
        alpha = self.teeth[..., 3:].astype(np.float32) * np.float32(bare / 255)
        colour += alpha * (self.teeth[..., :3] - colour)
        light = 0.8 + 0.2 * min(1.0, shape.aperture / 0.35)
        ceiling = (line - shape.upper * unit * arch)[None]
        shadow = 0.55 + 0.45 * np.clip((self.y[:, None] - ceiling) / (0.16 * unit), 0, 1)
        return (colour * (light * shadow)[..., None]).astype(np.float32)

    def apply(self, picture_HWC: np.ndarray, shape: MouthShape) -> None:
        """Draws the mouth into `picture_HWC` (S, S, 3) uint8, a copy of the portrait."""
        unit, x = self.unit, self.x
        offset = (x - self.x_mid) / unit
        # Horizontally: the mouth is `width` of the smile; the map goes back to 1 over the cheeks.
        reach = np.exp(-((np.abs(offset) / 1.4) ** 3)).astype(np.float32)
        source_x = x + (x - self.x_mid) * (1 / shape.width - 1) * reach
        across = (source_x - self.x_mid) / unit
        arch = np.clip(1 - np.abs(across) ** 2.4, 0, 1).astype(np.float32) ** 0.8
        upper = np.interp(source_x, self.photo_x, self.photo_upper).astype(np.float32)
        lower = np.interp(source_x, self.photo_x, self.photo_lower).astype(np.float32)
        beyond = np.exp(-(np.clip(np.abs(across) - 1, 0, None) ** 2) / 0.18).astype(np.float32)
        smile = upper[[0, -1]].mean()
        curve = (
            self.y_mid
            + 0.02 * unit
            + (0.5 * (smile - self.y_mid) + 0.22 * shape.jaw * unit) * np.clip(np.abs(across), 0, 1) ** 2
        )
        line = upper + (curve - upper) * beyond  # beyond the corners the photograph comes to rest
        line = np.where(np.abs(across) < 1, curve, line).astype(np.float32)
        shift_x = (source_x - x)[None] * self.row_width[:, None]
        # Rounded lips come forward: they look fuller, most so in the middle.
        fuller = (0.05 + 0.6 * max(0.0, 0.8 - shape.width)) * arch
        shift_up = (upper - line + shape.upper * unit * arch)[None] * self.row_upper[:, None]
        shift_low = np.outer(self.row_lip, lower - line - shape.lower * unit * arch) - np.outer(
            self.row_chin, shape.jaw * unit * self.col_chin
        )
        ceiling, floor = line - shape.upper * unit * arch, line + shape.lower * unit * arch
        full = self.row_full[:, None] * fuller[None]
        shift_up += np.clip(ceiling[None] - self.grid_y, 0, 0.5 * unit) * full
        shift_low -= np.clip(self.grid_y - floor[None], 0, 0.5 * unit) * full
        map_x = (self.grid_x + shift_x).astype(np.float32)
        top = cv2.remap(self.upper_layer, map_x, (self.grid_y + shift_up).astype(np.float32), cv2.INTER_LINEAR)
        low = cv2.remap(self.lower_layer, map_x, (self.grid_y + shift_low).astype(np.float32), cv2.INTER_LINEAR)
        inside = self._inside(shape, line, arch)
        out = inside + (low[..., 3:] / np.float32(255)) * (low[..., :3] - inside)
        out += (top[..., 3:] / np.float32(255)) * (top[..., :3] - out)
        picture_HWC[self.box] = np.clip(out, 0, 255).astype(np.uint8)
