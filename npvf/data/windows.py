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
    """A transform and the length of a window. A subclass defines usable windows and the content of a sample.

    Attributes:
        transform: `cut` makes what is the same whenever a clip is sampled, `finish` makes what is random.
        lacks: what a clip that is left out lacks, for the log.
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
        """True if a clip contains a usable window."""

    @abstractmethod
    def start(self, gate_T: Tensor, generator: torch.Generator) -> int:
        """A random window's first frame."""

    @abstractmethod
    def visit_window(self, window: Any, generator: torch.Generator) -> Any:
        """Return the training sample of a window."""

    def visit(self, cut: Any, generator: torch.Generator) -> Any:
        """A random window of a sample that `transform.cut` has cut."""
        return self.visit_window(cut.window(self.start(cut.gate_T, generator), self.frames), generator)

    def whole(self, cut: Any) -> Any:
        """Return the evaluation sample of a clip."""
        return self.transform.finish(cut)

    def count(self, frames: int) -> int:
        """The number of samples in an epoch for a clip with this many frames."""
        return max(1, frames // self.frames)


def encoded_frames(encoded: shards.Sample) -> int:
    """The length of a clip that is still encoded."""
    start, end = read_meta(encoded).span
    return round((end - start) * FPS)
