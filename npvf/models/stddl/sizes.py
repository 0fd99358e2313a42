"""The sizes of ST-DDL."""

from __future__ import annotations

from npvf.models.registry import register_model
from npvf.models.stddl.encoder import EncoderSpec
from npvf.models.stddl.stddl import STDDLConfig


@register_model
def stddl_nano() -> STDDLConfig:
    """For a CPU and few people: 128 px faces, of which it sees residuals; the smallest HRNet that timm has."""
    small = EncoderSpec("hrnet_w18_small")
    return STDDLConfig(
        name="stddl_nano",
        size=128,
        picture=small,
        motion_encoder=small,
        look="residuals",
        dim=128,
        heads=4,
        decoder=(32, 16),
        mask_stride=4,
    )


@register_model
def stddl_lite() -> STDDLConfig:
    """For a CPU, from ImageNet weights: EfficientNet-Lite0 down to stride 16, 160 px faces in colour."""
    return STDDLConfig(
        name="stddl_lite",
        size=160,
        picture=EncoderSpec("efficientnet_lite0", (4, 8, 16), "instance"),
        motion_encoder=EncoderSpec("efficientnet_lite0", (4, 8), "instance"),
        dim=128,
        heads=4,
        decoder=(64, 32),
        mask_stride=4,
        judged_share=0.1,
    )


@register_model
def stddl_hrnet_w32() -> STDDLConfig:
    """The paper's scale: two HRNet-W32 at 512 px, width 512."""
    return STDDLConfig(name="stddl_hrnet_w32")
