"""Draw the inside of an open mouth: a dark cavity, the teeth of the photograph, a hint of tongue."""

from __future__ import annotations

import cv2
import numpy as np

_DARK = np.array([46, 20, 19], np.float32)
_FLESH = np.array([150, 74, 72], np.float32)
_TONGUE_HALF_WIDTH = 0.8


class Cavity:
    """The inside of one mouth, drawn on the columns `x` and rows `y` (pixels) around it.

    Args:
        picture_HWC: the smiling portrait. Its teeth are between the lines `upper` and `lower`, (S,) rows y(x).
        x, y: float32 pixel coordinates of the part of the picture to draw.
        middle: (x, y) of the middle of the closed mouth.
        unit: half the width of the smile in pixels, the unit of all other lengths.
    """

    def __init__(
        self,
        picture_HWC: np.ndarray,
        upper: np.ndarray,
        lower: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        middle: tuple[float, float],
        unit: float,
    ) -> None:
        self.y, self.unit = y[:, None], unit
        away = np.abs(x - middle[0]) / unit
        # In the smile the teeth end at the line of the lower lip; here they end on a flatter line, a little below that
        # of the closed mouth.
        edge = middle[1] + 0.10 * unit - 0.05 * unit * away**2
        columns = np.clip(x, middle[0] - 0.93 * unit, middle[0] + 0.93 * unit).astype(np.float32)
        rows = np.arange(len(upper))
        low, high = np.interp(columns, rows, lower) - 1.0, np.interp(columns, rows, upper) + 1.0
        height = np.clip((edge - self.y) / (0.36 * unit), 0, 1)
        map_y = (low - height * (low - high)).astype(np.float32)
        teeth = cv2.remap(picture_HWC, np.broadcast_to(columns, map_y.shape).copy(), map_y, cv2.INTER_LINEAR)
        self.teeth_HWC = teeth * np.exp(-((away / 0.72) ** 4)).astype(np.float32)[None, :, None]
        self.teeth_HW1 = (np.clip(edge - self.y + 0.5, 0, 1) * (away < 0.95)).astype(np.float32)[..., None]
        self.tongue_W = np.where(away < _TONGUE_HALF_WIDTH, 1 - (away / _TONGUE_HALF_WIDTH) ** 2, -9).astype(np.float32)

    def draw(self, ceiling: np.ndarray, floor: np.ndarray, width: float, tongue: float) -> np.ndarray:
        """Return (h, w, 3) float32, with light through the opening between the lip lines `ceiling` and `floor` (w,)."""
        surface = floor - (0.16 + 0.24 * tongue) * self.unit * self.tongue_W
        over = np.clip(0.35 * (self.y - surface), 0, 1)[..., None]
        colour = _DARK + over * (_FLESH * np.float32(0.55 + 0.35 * tongue) - _DARK)
        bare = np.float32(np.clip((width - 0.55) / 0.3, 0.15, 1))  # rounded lips are in front of the teeth
        colour += (bare * self.teeth_HW1) * (self.teeth_HWC - colour)
        light = 0.8 + 0.2 * min(1.0, float((floor - ceiling).max()) / (0.35 * self.unit))
        shadow = 0.55 + 0.45 * np.clip((self.y - ceiling) / (0.16 * self.unit), 0, 1)
        return (colour * (np.float32(light) * shadow)[..., None]).astype(np.float32)
