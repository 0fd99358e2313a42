"""The sizes of NPV, and a baseline of the same kind."""

from __future__ import annotations

from dataclasses import replace

from npvf.models.batch import InputSpec
from npvf.models.npv.npv import NPVConfig
from npvf.models.npv.tower_spec import TowerSpec
from npvf.models.registry import register_model


@register_model
def npv_nano() -> NPVConfig:
    """A CPU trains it in minutes: gray 48 px mouths with their neighbours in time, 64 px faces."""
    small = TowerSpec(
        embed_dim=64,
        depths=(1, 1),
        num_heads=(4, 8),
        window=6,
        patch=8,
        conv_stem=True,
        flatten=True,
        drop_path=0.0,
        lfa_zero_init=False,  # nothing pre-trained to preserve
    )
    return NPVConfig(
        name="npv_nano",
        inputs=InputSpec(mouth_size=48, mouth_channels=1, face_size=64, face_stride=4),
        viseme=replace(small, frame_stack=5),
        face=replace(small, embed_dim=32, num_heads=(2, 4), window=4),
        audio=replace(small, embed_dim=48, depths=(1, 1, 1), num_heads=(2, 4, 8), patch=4),
        dim=192,
        common_dim=128,
        awareness_hidden=32,
    )


@register_model
def npv_lips() -> NPVConfig:
    """Geometry of the mouth and phone posteriors alone: nothing that knows the person. Ours, not the paper's."""
    tokens = TowerSpec(temporal_layers=4)
    return NPVConfig(
        name="npv_lips",
        inputs=InputSpec(
            picture=("geometry",),
            sound=("phones",),
            mouth_size=16,  # nothing looks at the pixels: the smallest crops cost the least
            mouth_channels=1,
            face_size=16,
            face_channels=1,
        ),
        viseme=tokens,
        audio=tokens,
        face_stream=False,
        awareness_hidden=32,
        dim=192,
        common_dim=128,
    )


@register_model
def npv_nano_lips() -> NPVConfig:
    """`npv_nano` without its face stream, whose streams take geometry beside pixels, and phones beside mel."""
    nano = npv_nano()
    return replace(
        nano,
        name="npv_nano_lips",
        inputs=replace(nano.inputs, picture=("pixels", "geometry"), sound=("mel", "phones")),
        viseme=replace(nano.viseme, temporal_layers=4),
        audio=replace(nano.audio, temporal_layers=4),
        face_stream=False,
    )


@register_model
def npv_small() -> NPVConfig:
    """One GPU, or eight CPU cores and some hours: gray 96 px mouths, three stages from 12 x 12 tokens, width 384."""
    swin = TowerSpec(
        embed_dim=96,
        depths=(2, 4, 2),
        num_heads=(3, 6, 12),
        window=6,
        patch=8,
        conv_stem=True,
        flatten=True,
        lfa_zero_init=False,  # nothing pre-trained to preserve
    )
    return NPVConfig(
        name="npv_small",
        inputs=InputSpec(mouth_size=96, mouth_channels=1, face_size=96, face_stride=4),
        viseme=replace(swin, frame_stack=5),
        face=replace(swin, embed_dim=64, depths=(2, 2, 2), num_heads=(2, 4, 8)),
        audio=replace(swin, embed_dim=64, depths=(2, 2, 2), num_heads=(2, 4, 8), patch=4),
        dim=384,
        common_dim=256,
    )


@register_model
def npv_tiny() -> NPVConfig:
    """The paper's scale: Swin-T towers at 224 px, width 768."""
    swin = TowerSpec(timm_name="swin_tiny_patch4_window7_224")
    return NPVConfig(name="npv_tiny", viseme=swin, face=swin, audio=swin)


@register_model
def conv_two_tower() -> NPVConfig:
    """No method of the paper but a plain baseline: small convolutions over mouth and sound, no face, no fusion."""
    return NPVConfig(
        name="conv_two_tower",
        inputs=InputSpec(mouth_size=48, mouth_channels=1, face_size=16, face_channels=1, face_stride=4),
        viseme=TowerSpec(embed_dim=32, frame_stack=5),
        audio=TowerSpec(embed_dim=32),
        backbone="conv",
        face_stream=False,
        awareness_orientation="none",
        dim=192,
        common_dim=128,
    )
