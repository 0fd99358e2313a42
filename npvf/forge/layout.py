"""Show several clips in one frame: side by side, in a row, in a grid, or one as an inset in another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from npvf.faces.geometry import face_centre
from npvf.forge.face_patch import Box, Track

PEOPLE = {"side by side": 2, "row": 3, "grid": 4, "inset": 2, "seen in an inset": 2}
"""Layout -> how many people it shows. In the last one the first person is in the inset."""

_TALL, _WIDE = 8.0, 7.0  # of a panel, in face sizes
_INSET = 0.4  # of the canvas's height
_HIDDEN = 0.08  # the largest share of a face that an inset may hide
_BORDER, _BORDER_LEVEL = 4, 235  # the border of an inset: pixels, grey level


@dataclass(frozen=True)
class Participant:
    """A clip to be shown: the track of its face, and the size of its frames."""

    track: Track
    size_hw: tuple[int, int]

    @property
    def face(self) -> float:
        """Return the size of the face in pixels."""
        return float(np.median([self.track.size(t) for t in range(len(self.track))]))

    def window(self, height: float, width: float) -> Box:
        """Return a window of this size around the usual position of the face, cut to the frame; its sides are even."""
        tall, wide = (int(min(*pair)) // 2 * 2 for pair in zip((height, width), self.size_hw, strict=True))
        x, y = np.median(face_centre(self.track.steady_TN2), axis=0)
        x0 = int(np.clip(x - wide / 2, 0, self.size_hw[1] - wide))
        y0 = int(np.clip(y - 0.4 * tall, 0, self.size_hw[0] - tall))
        return x0, y0, x0 + wide, y0 + tall

    def face_box(self, scale: float) -> tuple[float, float, float, float]:
        """Return the usual box of the face, from brows to chin and ear to ear, in a frame scaled by this factor."""
        x, y = np.median(face_centre(self.track.steady_TN2), axis=0)
        size = self.face
        return scale * (x - 2 * size), scale * (y - 0.8 * size), scale * (x + 2 * size), scale * (y + 2.4 * size)

    def like(self, other: Participant, tall: int, wide: int) -> Box:
        """Return the window that shows this face at `tall` x `wide` as large as the face of the other clip."""
        scale = min(self.face / other.face, self.size_hw[0] / tall, self.size_hw[1] / wide)
        return self.window(scale * tall, scale * wide)


@dataclass(frozen=True)
class Panel:
    """The placement of a part of the frames of a clip: `window` is in the clip, `place` is on the canvas."""

    window: Box
    place: Box
    border: int = 0

    def lay(self, part: np.ndarray | int, canvas: np.ndarray) -> None:
        """Draw the window of a frame or mask, scaled into its place, with its border. An int fills the place."""
        left, top, right, bottom = self.place
        b = self.border
        canvas[max(0, top - b) : bottom + b, max(0, left - b) : right + b] = (
            part if isinstance(part, int) else (0 if canvas.dtype == bool else _BORDER_LEVEL)
        )
        if isinstance(part, int):
            return
        x0, y0, x1, y1 = self.window
        seen = part[y0:y1, x0:x1]
        if seen.shape[:2] != (bottom - top, right - left):
            how = cv2.INTER_AREA if seen.shape[0] > bottom - top else cv2.INTER_CUBIC
            seen = cv2.resize(seen, (right - left, bottom - top), interpolation=how)
        canvas[top:bottom, left:right] = seen


@dataclass(frozen=True)
class Layout:
    """Panels on a canvas. The first person's is not scaled. They are drawn in `order`, later ones on top."""

    name: str
    size_hw: tuple[int, int]
    panels: tuple[Panel, ...]
    order: tuple[int, ...]

    def pictures(self, streams: Sequence[Iterable[np.ndarray]]) -> Iterator[np.ndarray]:
        """Yield the frames, (H, W, 3) uint8, from one stream of frames for each panel. Ends with the shortest."""
        for together in zip(*streams, strict=False):
            canvas = np.zeros((*self.size_hw, 3), np.uint8)
            for k in self.order:
                self.panels[k].lay(together[k], canvas)
            yield canvas

    def masks(self, masks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the masks, (H, W) bool, from the first person's masks, without pixels that an inset hides."""
        for mask in masks:
            canvas = np.zeros(self.size_hw, bool)
            for k in self.order:
                self.panels[k].lay(0 if k else mask, canvas)
            yield canvas


def lay_out(name: str, participants: Sequence[Participant], rng: np.random.Generator) -> Layout:
    """Return the layout with this name for `PEOPLE[name]` people; side by side if an inset would hide a face."""
    if name in ("inset", "seen in an inset"):
        inset = (_inset if name == "inset" else _seen_in_inset)(participants[0], participants[1], rng)
        if inset is not None:
            return inset
        name = "side by side"
    own = participants[0].window(_TALL * participants[0].face, _WIDE * participants[0].face)
    wide, tall = own[2] - own[0], own[3] - own[1]
    columns = 2 if name == "grid" else len(participants)
    seats = rng.permutation(len(participants))
    panels = []
    for participant, seat in zip(participants, seats, strict=True):
        left, top = int(seat) % columns * wide, int(seat) // columns * tall
        window = own if participant is participants[0] else participant.like(participants[0], tall, wide)
        panels.append(Panel(window, (left, top, left + wide, top + tall)))
    return Layout(
        name, (tall * (len(participants) // columns), wide * columns), tuple(panels), tuple(range(len(participants)))
    )


def _inset(first: Participant, other: Participant, rng: np.random.Generator) -> Layout | None:
    """The first person fills the frame. None if the inset would hide the face."""
    height, width = (n // 2 * 2 for n in first.size_hw)
    tall = round(_INSET * height)
    wide = round(tall * _WIDE / _TALL)
    place = _corner(height, width, tall, wide, first.face_box(1.0), rng)
    if place is None:
        return None
    # The other face fills its window as in a panel.
    window = other.window(_TALL * other.face, _WIDE * other.face)
    whole = (0, 0, width, height)
    return Layout("inset", (height, width), (Panel(whole, whole), Panel(window, place, _BORDER)), (0, 1))


def _seen_in_inset(first: Participant, other: Participant, rng: np.random.Generator) -> Layout | None:
    """The other person fills the frame, which is scaled so that the inset of the first person keeps its pixels."""
    own = first.window(_TALL * first.face, _WIDE * first.face)
    wide, tall = own[2] - own[0], own[3] - own[1]
    scale = tall / _INSET / other.size_hw[0]
    height, width = (round(n * scale) // 2 * 2 for n in other.size_hw)
    place = _corner(height, width, tall, wide, other.face_box(scale), rng)
    if place is None:
        return None
    background = Panel((0, 0, other.size_hw[1], other.size_hw[0]), (0, 0, width, height))
    return Layout("seen in an inset", (height, width), (Panel(own, place, _BORDER), background), (1, 0))


def _corner(
    height: int, width: int, tall: int, wide: int, face: tuple[float, float, float, float], rng: np.random.Generator
) -> Box | None:
    """Find a corner for an inset that hides little of the face; None if there is none."""
    gap = _BORDER + round(0.03 * height)
    places = [(x, y) for x in (gap, width - gap - wide) for y in (gap, height - gap - tall) if min(x, y) >= 0]
    left, top, right, bottom = max(0, face[0]), max(0, face[1]), min(width, face[2]), min(height, face[3])
    free = []
    for x, y in places:
        across = min(x + wide, right) - max(x, left)
        along = min(y + tall, bottom) - max(y, top)
        hidden = max(0.0, across) * max(0.0, along) / ((right - left) * (bottom - top))
        if hidden <= _HIDDEN:
            free.append((x, y, x + wide, y + tall))
    return free[int(rng.integers(len(free)))] if free else None
