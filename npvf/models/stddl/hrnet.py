"""The encoders of ST-DDL: timm's HRNet read at its highest resolution, then two strided convolutions to tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import timm
from timm.models.hrnet import HighResolutionModule, HighResolutionNet, cfg_cls
from timm.models.resnet import BasicBlock, Bottleneck
from torch import Tensor, nn

MULTIPLE = 32  # the coarsest branch has a thirty-second of the picture's side


@dataclass(frozen=True, slots=True)
class HRNetSpec:
    """One HRNet.

    Args:
        timm_name: of the network, whose ImageNet weights `pretrained` takes.
        width: channels of the highest resolution; each branch below has twice as many. None: as `timm_name` says.
            Another width has no ImageNet weights.
        stem: channels after the first convolution, 64 unless a width of its own comes with it.
    """

    timm_name: str = "hrnet_w32"
    width: int | None = None
    stem: int = 64


class HRNetEncoder(nn.Module):
    """HRNet's highest-resolution branch (stride 4), two 3 x 3 convolutions of stride 2, batch norm after each, ReLU.

    The paper's code has no activation between the two convolutions, nor have we. timm computes all four branches of the
    last stage; what only feeds the three that nobody reads is taken out. Without `pretrained`, residual branches and
    the fusions of resolutions begin at zero, which is ours.

    With `pretrained` both encoders start from ImageNet. The stem of the motion's has two channels and cannot load the
    three of ImageNet as they are: it takes timm's rule for that, the kernels of the first two colours times 3 / 2, so
    that the response to a motion that is the same in x and y has the scale that the layers above know.

    Shape:
        (N, channels, H, W) -> (N, dim, H / 16, W / 16).

    Raises:
        ValueError: ImageNet weights for a width of one's own.
    """

    def __init__(self, spec: HRNetSpec, channels: int, dim: int, pretrained: bool = False) -> None:
        super().__init__()
        self.hrnet = _hrnet(spec, channels, pretrained)
        width = self.hrnet.stage4_cfg["num_channels"][0]
        self.reduce = nn.Sequential(
            nn.Conv2d(width, dim // 4, 3, 2, 1),
            nn.BatchNorm2d(dim // 4),
            nn.Conv2d(dim // 4, dim, 3, 2, 1),
            nn.BatchNorm2d(dim),
            nn.ReLU(),
        )

    def forward(self, x_NCHW: Tensor) -> Tensor:
        (highest_NCHW,) = self.hrnet(x_NCHW)
        return self.reduce(highest_NCHW)


def _hrnet(spec: HRNetSpec, channels: int, pretrained: bool) -> HighResolutionNet:
    if pretrained and spec.width is not None:
        raise ValueError("an HRNet of a width of its own has no ImageNet weights: pretrained=False, or no width")
    hrnet: Any = timm.create_model(
        spec.timm_name,
        pretrained=pretrained,
        in_chans=channels,
        features_only=True,
        feature_location="",
        out_indices=(1,),
        **_widths(spec),
    )
    last = hrnet.stage4[-1]
    last.fuse_layers = last.fuse_layers[:1]
    if not pretrained:
        _begin_quietly(hrnet)
    return hrnet


def _begin_quietly(hrnet: HighResolutionNet) -> None:
    """Let each residual branch, and each resolution's part in another's, begin as nothing: its last norm scales by 0.

    From random weights, what the coarse branches add drowns the faint traces that a forgery leaves in the finest one.
    """
    for module in hrnet.modules():
        if isinstance(module, BasicBlock):
            nn.init.zeros_(module.get_parameter("bn2.weight"))
        elif isinstance(module, Bottleneck):
            nn.init.zeros_(module.get_parameter("bn3.weight"))
        elif isinstance(module, HighResolutionModule) and module.fuse_layers is not None:
            for to, sources in enumerate(module.fuse_layers):
                for source, path in enumerate(sources):
                    if source != to:
                        nn.init.zeros_([m for m in path.modules() if isinstance(m, nn.BatchNorm2d)][-1].weight)


def _widths(spec: HRNetSpec) -> dict[str, Any]:
    """Return the values that override timm's configuration of the network."""
    if spec.width is None:
        return {}
    network: dict[str, Any] = cfg_cls[spec.timm_name]
    stages = {name: network[name] for name in ("stage2", "stage3", "stage4")}
    wide = {
        name: {**stage, "num_channels": tuple(spec.width * 2**i for i in range(stage["num_branches"]))}
        for name, stage in stages.items()
    }
    return {"stem_width": spec.stem, **wide}
