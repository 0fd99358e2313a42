"""`TemporalMixer`: temporal convolutions over framewise tokens."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn


class TemporalMixer(nn.Module):
    """Residual depth-wise temporal convolutions (5 frames) over framewise tokens.

    Not in the paper: a frame tower sees single pictures, and evolution is about neighbours.

    Shape:
        (B, T, D) -> (B, T, D).
    """

    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(TemporalBlock(dim) for _ in range(layers)))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x_BTD: Tensor) -> Tensor:
        return self.norm(self.layers(x_BTD))


class TemporalBlock(nn.Module):
    """One layer of `TemporalMixer`: (B, T, D) -> (B, T, D)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.time = nn.Conv1d(dim, dim, 5, padding=2, groups=dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x_BTD: Tensor) -> Tensor:
        mixed_BDT = self.time(rearrange(self.norm(x_BTD), "b t d -> b d t"))
        return x_BTD + self.mlp(rearrange(mixed_BDT, "b d t -> b t d"))
