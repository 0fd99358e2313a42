"""Random changes of phone posteriors: a recogniser that hears late, unsurely, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from npvf.data.random_draw import RandomDraw


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class PhoneAugment:
    """The strength of each change. Posteriors have 50 frames a second; a byte is the square root of a probability.

    Args:
        masks: stretches of time silenced, at most.
        mask_frames: length of each, at most, in frames of 20 ms.
        smear: probability that frames are mixed with a neighbour.
        smear_share: of the neighbour, at most.
        drop: share of the tokens lost in the whole clip, at most; another language or accent confuses some of them.
    """

    masks: int = 2
    mask_frames: int = 16
    smear: float = 0.5
    smear_share: float = 0.5
    drop: float = 0.2

    def __call__(self, posteriors_FP: Tensor, generator: torch.Generator | None) -> Tensor:
        """(F, P) uint8, changed."""
        draw = RandomDraw(generator)
        changed_FP = posteriors_FP.float()
        if draw.chance(self.smear):
            share, step = draw.between(0, self.smear_share), 2 * draw.integer(2) - 1
            changed_FP = (1 - share) * changed_FP + share * _moved(changed_FP, step)
        for _ in range(draw.integer(self.masks + 1)):
            length = min(1 + draw.integer(self.mask_frames), len(changed_FP))
            first = draw.integer(len(changed_FP) - length + 1)
            changed_FP[first : first + length] = 0
        kept_P = torch.rand(changed_FP.shape[1], generator=generator) >= draw.between(0, self.drop)
        return (changed_FP * kept_P).round_().byte()


def _moved(x_FP: Tensor, step: int) -> Tensor:
    """Each frame replaced by its neighbour `step` frames on; the edge is repeated."""
    return x_FP[(torch.arange(len(x_FP)) + step).clamp(0, len(x_FP) - 1)]
