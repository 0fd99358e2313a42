"""Random changes of mouth geometry: another head pose, another face, a tracker that errs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import cos, radians, sin

import torch
from torch import Tensor

from npvf.data.mirror import mirror_order
from npvf.data.random_draw import RandomDraw
from npvf.faces.mouth_geometry import GEOMETRY_POINTS


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class GeometryAugment:
    """The strength of each change. It is drawn once a clip and shared by its frames; only the noise differs by frame.

    Args:
        rotation: at most, in degrees.
        scale: of the whole face, lowest and highest.
        stretch: of each axis on its own, lowest and highest.
        flip: probability of a mirrored face, left and right points exchanged.
        noise: standard deviation of the tracker's error, at most, in distances of the eyes.
        noise_shared: share of its variance that all points of a frame have in common.
    """

    rotation: float = 10.0
    scale: tuple[float, float] = (0.8, 1.25)
    stretch: tuple[float, float] = (0.85, 1.15)
    flip: float = 0.5
    noise: float = 0.008
    noise_shared: float = 0.0

    def __call__(self, geometry_TP2: Tensor, generator: torch.Generator | None) -> Tensor:
        """(T, P, 2), changed."""
        draw = RandomDraw(generator)
        turn, scale = radians(draw.spread(self.rotation)), draw.between(*self.scale)
        stretch_2 = torch.tensor([draw.between(*self.stretch), draw.between(*self.stretch)]) * scale
        if draw.chance(self.flip):
            geometry_TP2 = geometry_TP2[:, mirrored_points()] * torch.tensor([-1.0, 1.0])
        rotation_22 = torch.tensor([[cos(turn), sin(turn)], [-sin(turn), cos(turn)]])
        # Around the clip's mean: a stretched face must not move.
        mean_1P2 = geometry_TP2.mean(0, keepdim=True)
        changed_TP2 = ((geometry_TP2 - mean_1P2) * stretch_2) @ rotation_22 + mean_1P2
        return changed_TP2 + draw.between(0, self.noise) * self._noise(changed_TP2.shape, generator)

    def _noise(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        own_TP2 = torch.randn(shape, generator=generator)
        if not self.noise_shared:
            return own_TP2
        common_T12 = torch.randn(shape[0], 1, 2, generator=generator)
        return (1 - self.noise_shared) ** 0.5 * own_TP2 + self.noise_shared**0.5 * common_T12


@cache
def mirrored_points() -> Tensor:
    """(P,): which of `GEOMETRY_POINTS` takes each point's place in a mirrored face."""
    order = mirror_order(478)
    place = {point: index for index, point in enumerate(GEOMETRY_POINTS.tolist())}
    return torch.tensor([place[point] for point in order[GEOMETRY_POINTS].tolist()])
