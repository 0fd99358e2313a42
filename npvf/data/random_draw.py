"""Random scalars and curves from one generator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate


@dataclass(frozen=True, slots=True)
class RandomDraw:
    """Random scalars from one generator."""

    generator: torch.Generator | None

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def spread(self, most: float) -> float:
        return self.between(-most, most)

    def chance(self, probability: float) -> bool:
        return self.between(0, 1) < probability

    def integer(self, below: int) -> int:
        return int(torch.randint(below, (), generator=self.generator))

    def curve(self, points: int, std: float, knots: int = 6) -> Tensor:
        """Return a smooth random curve (points,)."""
        knots_K = torch.randn(1, 1, knots, generator=self.generator) * std
        return interpolate(knots_K, points, mode="linear", align_corners=True).flatten()
