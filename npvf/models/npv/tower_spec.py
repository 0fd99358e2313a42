"""`TowerSpec`: the shape of a Swin tower, apart from the towers, which need timm: that takes seconds to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Position = Literal["after_attention", "after_mlp", "before_block"]


@dataclass(frozen=True, slots=True)
class TowerSpec:
    """The shape of one Swin tower.

    Args:
        embed_dim, depths, num_heads, window, patch: as in Swin.
        conv_stem: overlapping strided convolutions in place of the linear patch embedding; small towers learn faster.
        frame_stack: neighbouring video frames stacked as channels, so that a token sees motion (1: only its frame).
        flatten: read the last grid position by position instead of averaging it; aligned mouths need it when small.
        temporal_layers: residual temporal convolutions over the tokens.
        lfa, lfa_zero_init, lfa_position: see `LocalFeatureAggregation` and `LFASwinBlock`.
        checkpoint: compute activations of blocks again in the backward pass instead of keeping them. Memory falls to a
            fraction, a step takes about a third longer, and nothing else changes.
        timm_name: the timm model that gives ImageNet weights, "" for none.
    """

    embed_dim: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    num_heads: tuple[int, ...] = (3, 6, 12, 24)
    window: int = 7
    patch: int = 4
    conv_stem: bool = False
    frame_stack: int = 1
    flatten: bool = False
    temporal_layers: int = 2
    drop_path: float = 0.1
    lfa: bool = True
    lfa_zero_init: bool = True
    lfa_position: Position = "after_attention"
    checkpoint: bool = False
    timm_name: str = ""

    @property
    def width(self) -> int:
        return self.embed_dim * 2 ** (len(self.depths) - 1)
