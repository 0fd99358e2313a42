"""Local Feature Aggregation (NPVForensics section 3.1, equations 1 and 2) and its place in timm's Swin block."""

from __future__ import annotations

from einops import rearrange
from timm.models.swin_transformer import SwinTransformer, SwinTransformerBlock, SwinTransformerStage
from torch import Tensor, nn

from npvf.models.npv.tower_spec import Position


class LocalFeatureAggregation(nn.Module):
    """Gather local features along space (depth-wise 3 x 3) and channels (two point-wise convolutions).

        X_mid = PW1(DW(BN1(X)))         (1)
        X_out = X + PW2(BN2(GELU(X_mid)))   (2)

    The paper's parts are the two batch norms, the depth-wise and the two point-wise convolutions. The activation, the
    residual and the zero initialisation are our reading: with them a pre-trained Swin is unchanged at step 0.

    Swin's tokens have their channels last, where a point-wise convolution is a matrix product and a batch norm one over
    rows. Both are computed as such, which takes two thirds of the time of `Conv2d` and `BatchNorm2d` on a CPU.

    Args:
        dim: channels C.
        zero_init: start as the identity.

    Shape:
        (B, H, W, C) -> (B, H, W, C).
    """

    def __init__(self, dim: int, zero_init: bool = True) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm1d(dim)
        self.depthwise = nn.Conv2d(dim, dim, 3, padding=1, groups=dim, bias=False)
        self.pointwise1 = nn.Conv2d(dim, dim, 1)
        self.norm2 = nn.BatchNorm1d(dim)
        self.pointwise2 = nn.Conv2d(dim, dim, 1)
        if zero_init:
            for parameter in self.pointwise2.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        normed_BCHW = rearrange(_by_channel(self.norm1, x_BHWC), "b h w c -> b c h w")
        local_BHWC = rearrange(self.depthwise(normed_BCHW), "b c h w -> b h w c")
        mid_BHWC = _pointwise(self.pointwise1, local_BHWC)
        return x_BHWC + _pointwise(self.pointwise2, _by_channel(self.norm2, nn.functional.gelu(mid_BHWC)))


def _by_channel(norm: nn.BatchNorm1d, x_BHWC: Tensor) -> Tensor:
    return norm(x_BHWC.flatten(0, 2)).view(x_BHWC.shape)


def _pointwise(convolution: nn.Conv2d, x_BHWC: Tensor) -> Tensor:
    return nn.functional.linear(x_BHWC, convolution.weight.flatten(1), convolution.bias)


class LFASwinBlock(nn.Module):
    """timm's Swin block with local feature aggregation.

    Args:
        block: keeps its weights.
        zero_init: see `LocalFeatureAggregation`.
        position: the paper draws LFA inside the block but does not say where. Between attention and MLP is our
            choice; after the MLP and before the block are the alternatives.
    """

    def __init__(
        self, block: SwinTransformerBlock, zero_init: bool = True, position: Position = "after_attention"
    ) -> None:
        super().__init__()
        if position not in ("after_attention", "after_mlp", "before_block"):
            raise ValueError(f"LFA position {position!r} is none of after_attention, after_mlp, before_block")
        self.block = block
        self.lfa = LocalFeatureAggregation(block.dim, zero_init)
        self.position = position

    def forward(self, x_BHWC: Tensor) -> Tensor:
        block = self.block
        if self.position == "before_block":
            return block(self.lfa(x_BHWC))
        if self.position == "after_mlp":
            return self.lfa(block(x_BHWC))
        x_BHWC = x_BHWC + block.drop_path1(block._attn(block.norm1(x_BHWC)))
        x_BHWC = self.lfa(x_BHWC)
        return x_BHWC + block.drop_path2(block.mlp(block.norm2(x_BHWC)))


def add_lfa(swin: SwinTransformer, zero_init: bool = True, position: Position = "after_attention") -> SwinTransformer:
    """Put an LFA into every block of `swin`, in place, keeping its weights."""
    for stage in swin.layers.children():
        assert isinstance(stage, SwinTransformerStage)
        blocks = [block for block in stage.blocks.children() if isinstance(block, SwinTransformerBlock)]
        stage.blocks = nn.Sequential(*(LFASwinBlock(block, zero_init, position) for block in blocks))
    return swin
