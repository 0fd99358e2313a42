"""timm's HRNet, the network of the paper's encoders, read at its highest resolution."""

from __future__ import annotations

from typing import Any

import timm
from timm.models.hrnet import HighResolutionModule, HighResolutionNet, cfg_cls
from timm.models.resnet import BasicBlock, Bottleneck
from torch import nn

STRIDE = 4  # of the highest resolution


def highest_resolution(
    name: str, channels: int, width: int | None, stem: int, source: dict[str, Any]
) -> HighResolutionNet:
    """HRNet, of which only the highest resolution is read.

    timm computes all four branches of the last stage; what only feeds the three that nobody reads is taken out. Without
    ImageNet weights, residual branches and the fusions of resolutions begin at zero, which is ours.

    Args:
        name: timm's.
        channels: of the input.
        width, stem: see `EncoderSpec`.
        source: timm's arguments for the source of weights.

    Raises:
        ValueError: ImageNet weights for a width of one's own.
    """
    if source["pretrained"] and width is not None:
        raise ValueError(
            "an HRNet of a width of its own has no ImageNet weights: backbone_pretrained=False, or no width"
        )
    hrnet: Any = timm.create_model(
        name,
        in_chans=channels,
        features_only=True,
        feature_location="",
        out_indices=(1,),
        **source,
        **_widths(name, width, stem),
    )
    last = hrnet.stage4[-1]
    last.fuse_layers = last.fuse_layers[:1]
    if not source["pretrained"]:
        _begin_quietly(hrnet)
    return hrnet


def _begin_quietly(hrnet: HighResolutionNet) -> None:
    """Start each residual branch, and each path to another resolution, with the output 0: its last norm scales by 0.

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


def _widths(name: str, width: int | None, stem: int) -> dict[str, Any]:
    """Return the values that override timm's configuration of the network."""
    if width is None:
        return {}
    network: dict[str, Any] = cfg_cls[name]
    stages = {stage: network[stage] for stage in ("stage2", "stage3", "stage4")}
    wide = {
        name: {**stage, "num_channels": tuple(width * 2**i for i in range(stage["num_branches"]))}
        for name, stage in stages.items()
    }
    return {"stem_width": stem, **wide}
