"""Correlation alignment of fused streams (equations 15 and 16)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CorrelationAlignmentLoss(nn.Module):
    """Pull the cross-correlation of two streams towards the identity.

        Loss = ( sum_i (1 - C_ii)^2 + mu sum_i sum_{j != i} C_ij^2 ) / D        (15)

    C is the correlation of feature i of one stream with feature j of the other over all tokens. The equation is that
    of Barlow Twins, hence the cross-correlation (the auto-correlation has a vacuous diagonal; `kind="auto"` computes
    it for comparison); mu is Barlow Twins' own 5e-3 and the division by D is ours. Computed on real clips only.

    Args:
        mu: weight of the off-diagonal.
        kind: "cross" or "auto".

    Raises:
        ValueError: fewer than 2 tokens.

    Examples:
        >>> x = torch.randn(4, 24, 16, generator=torch.Generator().manual_seed(0))
        >>> loss = CorrelationAlignmentLoss()
        >>> bool(loss(x, x) < loss(x, x.roll(1, dims=-1)))  # equal features, exchanged features
        True
    """

    def __init__(self, mu: float = 5e-3, kind: str = "cross") -> None:
        super().__init__()
        if kind not in ("cross", "auto"):
            raise ValueError(f"correlation {kind!r} is neither cross nor auto")
        self.mu = mu
        self.kind = kind

    def forward(self, x_NSD: Tensor, y_NSD: Tensor) -> Tensor:
        """
        Shape:
            x, y: (N, S, D) -> scalar.
        """
        if x_NSD[..., 0].numel() < 2:
            raise ValueError("a correlation needs at least 2 tokens")
        if self.kind == "auto":
            x_NSD = y_NSD = torch.cat([x_NSD, y_NSD], dim=-1)
        x_MD, y_MD = standardise(x_NSD.flatten(0, 1).float()), standardise(y_NSD.flatten(0, 1).float())
        correlation_DD = x_MD.T @ y_MD / len(x_MD)
        on_diagonal = (1 - correlation_DD.diagonal()).square().sum()
        off_diagonal = correlation_DD.square().sum() - correlation_DD.diagonal().square().sum()
        return (on_diagonal + self.mu * off_diagonal) / len(correlation_DD)


def standardise(x_MD: Tensor) -> Tensor:
    """Zero mean and unit (population) deviation of each feature."""
    centred_MD = x_MD - x_MD.mean(0)
    return centred_MD / (centred_MD.square().mean(0) + 1e-5).sqrt()
