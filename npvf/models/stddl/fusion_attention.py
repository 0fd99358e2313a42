"""Fusion attention: what moves says where to look in the picture."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class FusionAttention(nn.Module):
    """One transformer layer over the positions of one frame: query and value from the picture, key from the motion.

    One LayerNorm serves both inputs, the residual goes to the picture, the MLP is twice as wide. As in the paper's code
    there is neither a position embedding nor dropout, and frames do not see each other.

    Shape:
        picture, motion: (N, S, D) -> (N, S, D). Without a motion the picture is its own key.

    Args:
        dim: D.
        heads: 16 of 32 in the paper.

    Raises:
        ValueError: a width that the heads do not divide.
    """

    def __init__(self, dim: int = 512, heads: int = 16, mlp_ratio: int = 2) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"{heads} heads do not divide a width of {dim}")
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.projection = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, mlp_ratio * dim), nn.GELU(), nn.Linear(mlp_ratio * dim, dim)
        )

    def forward(self, picture_NSD: Tensor, motion_NSD: Tensor | None = None) -> Tensor:
        source_NSD = self.norm(picture_NSD)
        key_NSD = source_NSD if motion_NSD is None else self.norm(motion_NSD)
        seen_NHSd = scaled_dot_product_attention(
            self._split(self.query(source_NSD)), self._split(self.key(key_NSD)), self._split(self.value(source_NSD))
        )
        x_NSD = picture_NSD + self.projection(rearrange(seen_NHSd, "n h s d -> n s (h d)"))
        return x_NSD + self.mlp(x_NSD)

    def _split(self, x_NSD: Tensor) -> Tensor:
        return rearrange(x_NSD, "n s (h d) -> n h s d", h=self.heads)
