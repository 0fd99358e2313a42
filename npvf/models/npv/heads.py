"""Projection heads into the common spaces S_va (viseme, audio) and S_fa (face, sound of the clip), section 3.2."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ProjectionHead(nn.Module):
    """Framewise features to unit vectors of a common space.

    Sound: Linear, BN. Pictures, which are finer: Linear, BN, ReLU, Linear, BN. The asymmetry is the paper's.
    Batch statistics run over valid frames only.

    Shape:
        features (..., D) and valid (...) -> (..., out_dim), unit length; zero vectors on invalid frames.
    """

    def __init__(self, dim: int, out_dim: int, deep: bool) -> None:
        super().__init__()
        first = [nn.Linear(dim, out_dim), nn.BatchNorm1d(out_dim)]
        second = [nn.ReLU(), nn.Linear(out_dim, out_dim), nn.BatchNorm1d(out_dim)] if deep else []
        self.layers = nn.Sequential(*first, *second)
        self.out_dim = out_dim

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        if valid.all():
            z = self.layers(x.flatten(0, -2)).unflatten(0, x.shape[:-1])
            return nn.functional.normalize(z.float(), dim=-1)
        z = torch.zeros(*x.shape[:-1], self.out_dim, device=x.device)
        z[valid] = nn.functional.normalize(self.layers(x[valid]).float(), dim=-1)
        return z
