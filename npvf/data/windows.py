"""`ClipWindows`: how training samples windows of clips and evaluation takes whole ones.

Clips come to it cropped, from memory, or still encoded, from shards (`datasets.py`). Both ways give the same tensors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from npvf.clip import FPS
from npvf.io import shards


class ClipWindows(ABC):
    """A transform and the length of a window; a subclass says what a window must hold and what training gets of it.

    Attributes:
        transform: `crop` and `crop_window` make what is the same every time, `augment` what is random.
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
        """The frames (T,) bool that windows are drawn around, as `transform.crop` gives them, without decoding video.

        It looks at no file but those in `shards.LIGHT_PARTS`.
        """

    @abstractmethod
    def usable(self, gate_T: Tensor) -> bool:
        """True if a clip contains a usable window."""

    @abstractmethod
    def start(self, gate_T: Tensor, generator: torch.Generator) -> int:
        """A random window's first frame."""

    @abstractmethod
    def training_item(self, window: Any, generator: torch.Generator) -> Any:
        """Return the training sample of a cropped window."""

    def sample(self, cropped: Any, generator: torch.Generator) -> Any:
        """Return the training sample of a random window of a clip that `transform.crop` has cropped."""
        return self.training_item(cropped.window(self.start(cropped.gate_T, generator), self.frames), generator)

    def sample_encoded(self, encoded: shards.Sample, gate_T: Tensor, generator: torch.Generator) -> Any:
        """Do the same for a clip that is still encoded and whose `gate` is `gate_T`; only the window is decoded."""
        window = self.transform.crop_window(encoded, self.start(gate_T, generator), self.frames)
        return self.training_item(window, generator)

    def whole(self, cropped: Any) -> Any:
        """Return the evaluation sample of a cropped clip."""
        return self.transform.augment(cropped)

    def count(self, frames: int) -> int:
        """The number of windows that an epoch takes from a clip with this many frames."""
        return max(1, frames // self.frames)


def encoded_frames(encoded: shards.Sample) -> int:
    """The length of a clip that is still encoded."""
    return span_frames(encoded.meta.span)


def span_frames(span: tuple[float, float]) -> int:
    """The length in frames of a clip that covers this span of its video, in seconds."""
    start, end = span
    return round((end - start) * FPS)
