"""Plain convolutional towers: the comparison that says what Swin and local feature aggregation are worth.

No attention, no LFA, nothing pre-trained. Everything around them (streams, losses, protocol) stays the same.
"""

from __future__ import annotations

from itertools import pairwise

from einops import rearrange
from torch import Tensor, nn

from npvf.clip import MEL_PER_FRAME
from npvf.models.npv.temporal import TemporalMixer
from npvf.models.npv.tower_spec import TowerSpec
from npvf.models.npv.towers import stack_neighbours, standardise


class ConvVisualTower(nn.Module):
    """Four 3 x 3 convolutions of stride 2 over each picture and its stacked neighbours, then temporal convolutions.

    Of the spec, `embed_dim` (width of the first convolution), `frame_stack` and `temporal_layers` count.

    Shape:
        (B, T, C, H, W) uint8, valid (B, T) bool -> (B, T, out_dim), H = W a multiple of 16.
    """

    def __init__(
        self, spec: TowerSpec, size: int, channels: int, out_dim: int, backbone_pretrained: bool = False
    ) -> None:
        super().__init__()
        _refuse_weights(backbone_pretrained)
        if size % 16:
            raise ValueError(f"the input size of a convolutional tower must be a multiple of 16, got {size}")
        self.frame_stack = spec.frame_stack
        widths = [channels * spec.frame_stack, spec.embed_dim, *(spec.embed_dim * k for k in (2, 4, 4))]
        self.layers = nn.Sequential(*(_convolution(a, b, (2, 2)) for a, b in pairwise(widths)))
        self.readout = nn.Linear(widths[-1] * (size // 16) ** 2, out_dim)
        self.temporal = TemporalMixer(out_dim, spec.temporal_layers)

    def forward(self, x_BTCHW: Tensor, valid_BT: Tensor | None = None) -> Tensor:
        return self.temporal(self.tokens(x_BTCHW, valid_BT))

    def tokens(self, x_BTCHW: Tensor, valid_BT: Tensor | None = None) -> Tensor:
        """Tokens before the temporal mixer."""
        x_BTCHW = stack_neighbours(standardise(x_BTCHW, valid_BT), self.frame_stack)
        grid_NDHW = self.layers(rearrange(x_BTCHW, "b t c h w -> (b t) c h w"))
        tokens_ND = self.readout(rearrange(grid_NDHW, "n d h w -> n (d h w)"))
        return rearrange(tokens_ND, "(b t) d -> b t d", b=len(x_BTCHW))


class ConvAudioTower(nn.Module):
    """Three 3 x 3 convolutions over the log-mel, which end at one token a video frame, then temporal convolutions.

    Shape:
        (B, 4 T, n_mels) -> (B, T, out_dim), n_mels a multiple of 8.
    """

    def __init__(self, spec: TowerSpec, n_mels: int, out_dim: int, backbone_pretrained: bool = False) -> None:
        super().__init__()
        _refuse_weights(backbone_pretrained)
        self.norm = nn.BatchNorm1d(n_mels)
        strides = [(2, 2), (MEL_PER_FRAME // 2, 2), (1, 2)]
        widths = [1, *(spec.embed_dim * k for k in (1, 2, 4))]
        self.layers = nn.Sequential(
            *(_convolution(a, b, s) for (a, b), s in zip(pairwise(widths), strides, strict=True))
        )
        self.readout = nn.Linear(widths[-1] * (n_mels // 8), out_dim)
        self.temporal = TemporalMixer(out_dim, spec.temporal_layers)

    def forward(self, mel_BTM: Tensor) -> Tensor:
        return self.temporal(self.tokens(mel_BTM))

    def tokens(self, mel_BTM: Tensor) -> Tensor:
        """Tokens before the temporal mixer."""
        mel_BMT = self.norm(rearrange(mel_BTM, "b t m -> b m t"))
        grid_BDTF = self.layers(rearrange(mel_BMT, "b m t -> b 1 t m"))
        return self.readout(rearrange(grid_BDTF, "b d t f -> b t (d f)"))


def _convolution(before: int, after: int, stride: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())


def _refuse_weights(backbone_pretrained: bool) -> None:
    if backbone_pretrained:
        raise ValueError("a convolutional tower has no ImageNet weights: create it with backbone_pretrained=False")
