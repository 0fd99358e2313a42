"""Local Feature Aggregation (NPVForensics section 3.1, equations 1 and 2) and its place in timm's Swin block."""

from __future__ import annotations

from timm.models.swin_transformer import SwinTransformer, SwinTransformerBlock, SwinTransformerStage
from torch import Tensor, nn


class LocalFeatureAggregation(nn.Module):
    """Gather local features along space (depth-wise 3 x 3) and channels (two point-wise convolutions).

        X_mid = PW1(DW(BN1(X)))         (1)
        X_out = X + PW2(BN2(GELU(X_mid)))   (2)

    The paper's parts are the two batch norms, the depth-wise and the two point-wise convolutions. The activation, the
    residual and the zero initialisation are our reading: with them a pre-trained Swin is unchanged at step 0.

    Args:
        dim: channels C.
        zero_init: start as the identity.

    Shape:
        (B, H, W, C) -> (B, H, W, C).
    """

    def __init__(self, dim: int, zero_init: bool = True) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(dim)
        self.depthwise = nn.Conv2d(dim, dim, 3, padding=1, groups=dim, bias=False)
        self.pointwise1 = nn.Conv2d(dim, dim, 1)
        self.norm2 = nn.BatchNorm2d(dim)
        self.pointwise2 = nn.Conv2d(dim, dim, 1)
        if zero_init:
            for parameter in self.pointwise2.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        x_BCHW = x_BHWC.permute(0, 3, 1, 2)
        mid_BCHW = self.pointwise1(self.depthwise(self.norm1(x_BCHW)))
        out_BCHW = x_BCHW + self.pointwise2(self.norm2(nn.functional.gelu(mid_BCHW)))
        return out_BCHW.permute(0, 2, 3, 1)


class LFASwinBlock(nn.Module):
    """timm's Swin block with local feature aggregation between its attention and its MLP."""

    def __init__(self, block: SwinTransformerBlock, zero_init: bool = True) -> None:
        super().__init__()
        self.block = block
        self.lfa = LocalFeatureAggregation(block.dim, zero_init)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        block = self.block
        x_BHWC = x_BHWC + block.drop_path1(block._attn(block.norm1(x_BHWC)))
        x_BHWC = self.lfa(x_BHWC)
        return x_BHWC + block.drop_path2(block.mlp(block.norm2(x_BHWC)))


def add_lfa(swin: SwinTransformer, zero_init: bool = True) -> SwinTransformer:
    """Put an LFA into every block of `swin`, in place, keeping its weights."""
    for stage in swin.layers.children():
        assert isinstance(stage, SwinTransformerStage)
        blocks = [block for block in stage.blocks.children() if isinstance(block, SwinTransformerBlock)]
        stage.blocks = nn.Sequential(*(LFASwinBlock(block, zero_init) for block in blocks))
    return swin
