"""`ClipWindows`: how training looks at clips, a window at a time, and evaluation at whole ones.

Clips come to it from memory (`segments.py`) or from shards (`stream.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from npvf.clip import FPS
from npvf.data.selection import read_meta
from npvf.io import shards


class ClipWindows(ABC):
    """A transform and the length of a window; a subclass says what a window must hold and what a visit is.

    Attributes:
        transform: `cut` makes what is the same at each visit of a clip, `finish` what is random.
        lacks: of a clip that is left out, for the log.
    """

    transform: Any
    lacks: ClassVar[str]

    @property
    @abstractmethod
    def frames(self) -> int:
        """Length of a window."""

    @abstractmethod
    def gate(self, encoded: shards.Sample) -> Tensor:
        """The frames (T,) bool that windows are drawn around, without decoding pictures: as `cut` gives them."""

    @abstractmethod
    def usable(self, gate_T: Tensor) -> bool:
        """Whether a clip holds a window."""

    @abstractmethod
    def start(self, gate_T: Tensor, generator: torch.Generator) -> int:
        """A random window's first frame."""

    @abstractmethod
    def visit_window(self, window: Any, generator: torch.Generator) -> Any:
        """What training is given of a window that is cut."""

    def visit(self, cut: Any, generator: torch.Generator) -> Any:
        """A random window of a sample that `transform.cut` has cut."""
        return self.visit_window(cut.window(self.start(cut.gate_T, generator), self.frames), generator)

    def whole(self, cut: Any) -> Any:
        """What evaluation is given of a clip that is cut."""
        return self.transform.finish(cut)

    def count(self, frames: int) -> int:
        """Visits an epoch that a clip of so many frames is worth."""
        return max(1, frames // self.frames)


def encoded_frames(encoded: shards.Sample) -> int:
    """The length of a clip that is still encoded."""
    start, end = read_meta(encoded).span
    return round((end - start) * FPS)
