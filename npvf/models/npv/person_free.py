"""Tokens out of inputs that hardly know the person: mouth geometry and phone posteriors. Ours, not the paper's.

Pixels and mel carry who speaks, and on people that training has not seen they compare persons as much as lips and
audio. Where the lips are and which phone sounds do not. Each gives one token a video frame, which joins the tower's
tokens before the temporal mixer.
"""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from npvf.clip import POSTERIORS_PER_FRAME
from npvf.models.npv.temporal import TemporalMixer

# Brings the deviations and their differences of most clips to about unit size.
DEVIATION_SCALE = 5.0
DIFFERENCE_SCALE = 15.0


class GeometryTokens(nn.Module):
    """Points of lips, jaw and cheeks to one token a video frame.

    The clip's mean, the person's mouth at rest, is taken off; first differences stand beside what is left.

    Shape:
        geometry (B, T, P, 2) float, valid (B, T) bool -> (B, T, D). The mean is over valid frames.
    """

    def __init__(self, points: int, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4 * points, dim), nn.GELU(), nn.Linear(dim, dim))

    def forward(self, geometry_BTP2: Tensor, valid_BT: Tensor) -> Tensor:
        weight_BT11 = valid_BT[..., None, None].to(geometry_BTP2.dtype)
        mean_B1P2 = (geometry_BTP2 * weight_BT11).sum(1, keepdim=True) / weight_BT11.sum(1, keepdim=True).clamp_min(1)
        deviation_BTP2 = geometry_BTP2 - mean_B1P2
        difference_BTP2 = torch.diff(deviation_BTP2, dim=1, prepend=deviation_BTP2[:, :1])
        parts = torch.cat([DEVIATION_SCALE * deviation_BTP2, DIFFERENCE_SCALE * difference_BTP2], dim=-1)
        return self.layers(rearrange(parts, "b t p c -> b t (p c)"))


class PhoneTokens(nn.Module):
    """The phone recogniser's posteriors to one token a video frame.

    Shape:
        (B, 2 T, P) uint8, 255 times the square root of each probability -> (B, T, D).
    """

    def __init__(self, posteriors: int, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(POSTERIORS_PER_FRAME * posteriors, dim), nn.GELU(), nn.Linear(dim, dim))

    def forward(self, posteriors_BFP: Tensor) -> Tensor:
        roots_BTP = rearrange(posteriors_BFP, "b (t f) p -> b t (f p)", f=POSTERIORS_PER_FRAME)
        return self.layers(roots_BTP.float() / 255)


class JoinedTower(nn.Module):
    """A stream that takes person-free tokens, alone or beside those of a tower of pixels or mel.

    The tokens are added before the temporal mixer, which is the tower's own where there is one.

    Args:
        tower: `VisualTower`, `AudioTower` or a convolutional one; None: person-free tokens alone.
        person_free: `GeometryTokens` or `PhoneTokens`.
        dim, layers: of the temporal mixer where there is no tower.
        drop: in training, the probability that one of two inputs of a clip, drawn at random, is left out. Each learns
            to do without the other, and the person-free one is not drowned by what knows the person.

    Shape:
        tower_inputs and person_free_inputs: what the two take -> (B, T, dim).
    """

    def __init__(self, tower: Any | None, person_free: nn.Module, dim: int, layers: int, drop: float = 0.0) -> None:
        super().__init__()
        self.tower: Any = tower  # a module with `tokens` and `temporal`
        self.person_free, self.drop = person_free, drop
        self.temporal = TemporalMixer(dim, layers) if tower is None else None

    def forward(self, tower_inputs: tuple[Tensor, ...], person_free_inputs: tuple[Tensor, ...]) -> Tensor:
        tokens_BTD = self.person_free(*person_free_inputs)
        if self.temporal is not None:
            return self.temporal(tokens_BTD)
        keep_2B11 = self._kept(tokens_BTD)
        tower_BTD = self.tower.tokens(*tower_inputs)
        return self.tower.temporal(keep_2B11[0] * tower_BTD + keep_2B11[1] * tokens_BTD)

    def _kept(self, tokens_BTD: Tensor) -> Tensor:
        """(2, B, 1, 1): 1 where a clip keeps the tower's tokens, and its person-free ones; never both 0."""
        keep_2B = tokens_BTD.new_ones(2, len(tokens_BTD))
        if self.training and self.drop:
            draw_B = torch.rand(len(tokens_BTD), device=tokens_BTD.device)
            keep_2B[0] = (draw_B >= self.drop / 2).to(keep_2B.dtype)
            keep_2B[1] = (draw_B < 1 - self.drop / 2).to(keep_2B.dtype)
        return keep_2B[..., None, None]
