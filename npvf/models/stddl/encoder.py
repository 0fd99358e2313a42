"""The encoders of ST-DDL: a timm network, read at some of its resolutions, then strided convolutions to tokens."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn

from npvf.models.stddl.hrnet import STRIDE as HRNET_STRIDE, highest_resolution

MULTIPLE = 32  # sides of pictures: the coarsest level of most networks has a thirty-second of the picture's side
TOKEN_STRIDE = 16


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """One encoder.

    Args:
        timm_name: any network of timm that gives features at several resolutions; the paper's is an HRNet.
        strides: the resolutions that are read, as the factor by which the picture's side is divided; at most 16. The
            paper reads HRNet's highest, 4. Layers that only serve coarser ones are left out.
        norm: on the way to tokens, "batch", the paper's, or "instance": each channel of each picture by its own mean
            and deviation, so that a token says how it differs from the rest of its picture, whatever the camera.
        width: of an HRNet, channels of the highest resolution; each branch below has twice as many. None: as
            `timm_name` says. Another width has no ImageNet weights.
        stem: of an HRNet with a width of its own, channels after the first convolution.
    """

    timm_name: str = "hrnet_w32"
    strides: tuple[int, ...] = (HRNET_STRIDE,)
    norm: Literal["batch", "instance"] = "batch"
    width: int | None = None
    stem: int = 64


class PyramidEncoder(nn.Module):
    """Features of a timm network at some strides, each reduced to stride 16 and added up, then ReLU.

    A level of stride s passes log2(16 / s) convolutions, 3 x 3 of stride 2, or one of 1 x 1 if s is 16, with batch norm
    after each. For HRNet this is the paper's encoder; its code has no activation between the two convolutions, nor have
    we. Several levels are ours: networks smaller than HRNet do not bring what coarse levels know back to the fine ones.

    Weights of ImageNet: the stem of the motion's encoder has two channels and cannot load the three of ImageNet as they
    are: it takes timm's rule for that, the kernels of the first two colours times 3 / 2, so that the response to a
    motion that is the same in x and y has the scale that the layers above know.

    Shape:
        (N, channels, H, W) -> (N, dim, H / 16, W / 16).

    Args:
        spec: the network.
        channels: of the input.
        dim: of the result.
        backbone_pretrained: True takes ImageNet weights from timm's hub, a path a file with timm's names
            (`npvf models import-weights`).

    Raises:
        ValueError: the network does not have such a stride, or no such weights.
    """

    def __init__(self, spec: EncoderSpec, channels: int, dim: int, backbone_pretrained: bool | str = False) -> None:
        super().__init__()
        source = _weights(backbone_pretrained)
        if spec.timm_name.startswith("hrnet"):
            if spec.strides != (HRNET_STRIDE,):
                raise ValueError(f"HRNet is read at its highest resolution: strides must be ({HRNET_STRIDE},)")
            self.network: Any = highest_resolution(spec.timm_name, channels, spec.width, spec.stem, source)
            widths = [self.network.stage4_cfg["num_channels"][0]]
        else:
            if spec.width is not None:
                raise ValueError(f"only an HRNet takes a width of its own, not {spec.timm_name}")
            self.network, widths = _pyramid(spec, channels, source)
        self.reduce = nn.ModuleList(
            _reduction(width, stride, dim, spec.norm) for width, stride in zip(widths, spec.strides, strict=True)
        )

    def forward(self, x_NCHW: Tensor) -> Tensor:
        # Depth-wise convolutions are 1.5 times faster in this order on a CPU, others as fast.
        levels = self.network(x_NCHW.contiguous(memory_format=torch.channels_last))
        reduced = [reduce(level) for reduce, level in zip(self.reduce, levels, strict=True)]
        return torch.stack(reduced).sum(0).relu()


def _weights(backbone_pretrained: bool | str) -> dict[str, Any]:
    """Return timm's arguments for a source of weights."""
    if not isinstance(backbone_pretrained, str):
        return {"pretrained": backbone_pretrained}
    if not Path(backbone_pretrained).is_file():
        raise ValueError(f"there are no weights at {backbone_pretrained}: write them with `npvf models import-weights`")
    return {"pretrained": True, "pretrained_cfg_overlay": {"file": backbone_pretrained}}


def _pyramid(spec: EncoderSpec, channels: int, source: dict[str, Any]) -> tuple[Any, list[int]]:
    """The network, cut after the last level that is read, and the channels of its levels."""
    whole: Any = timm.create_model(spec.timm_name, features_only=True)
    strides = whole.feature_info.reduction()
    if missing := set(spec.strides) - {s for s in strides if s <= TOKEN_STRIDE}:
        raise ValueError(
            f"{spec.timm_name} has no level of stride {missing.pop()}; it has {strides}, and 16 is the most"
        )
    # Of several levels with one stride the last one.
    indices = [max(index for index, other in enumerate(strides) if other == stride) for stride in spec.strides]
    network: Any = timm.create_model(
        spec.timm_name, in_chans=channels, features_only=True, out_indices=indices, feature_cls="getter", **source
    )
    return network, network.feature_info.channels()


def _reduction(width: int, stride: int, dim: int, norm: Literal["batch", "instance"]) -> nn.Sequential:
    """Return the convolutions from one level to tokens; on the way they have a quarter of `dim`, as in the paper."""
    halvings = (TOKEN_STRIDE // stride).bit_length() - 1
    widths = [width, *(dim // 4 for _ in range(halvings - 1)), dim]
    kernel, step = (3, 2) if halvings else (1, 1)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for place, (before, after) in enumerate(itertools.pairwise(widths)):
        layers[f"conv{place}"] = nn.Conv2d(before, after, kernel, step, kernel // 2)
        layers[f"norm{place}"] = nn.BatchNorm2d(after) if norm == "batch" else nn.InstanceNorm2d(after, affine=True)
    return nn.Sequential(layers)
