"""The encoders: one token a video frame out of pictures (`VisualTower`) and out of sound (`AudioTower`).

Both are timm's Swin with local feature aggregation. The sound keeps its clock: patches span 4 mel frames, which is one
video frame, and patch merging runs over frequency only, so 24 frames stay 24 tokens.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import timm
import torch
from einops import rearrange, reduce
from timm.models.swin_transformer import PatchMerging, SwinTransformer, SwinTransformerBlock, SwinTransformerStage
from torch import Tensor, nn

from npvf.clip import MEL_PER_FRAME, SEGMENT_FRAMES
from npvf.models.checkpointing import checkpoint_blocks
from npvf.models.npv.lfa import add_lfa
from npvf.models.npv.temporal import TemporalMixer
from npvf.models.npv.tower_spec import TowerSpec

MAX_PICTURES = 128


class VisualTower(nn.Module):
    """Pictures of one stream to framewise features.

    Shape:
        (B, T, C, H, W) uint8, valid (B, T) bool -> (B, T, out_dim).
    """

    def __init__(
        self, spec: TowerSpec, size: int, channels: int, out_dim: int, backbone_pretrained: bool = False
    ) -> None:
        super().__init__()
        self.spec = spec
        self.swin = _extend(_swin(spec, (size, size), channels * spec.frame_stack, backbone_pretrained), spec)
        cells = (size // spec.patch // 2 ** (len(spec.depths) - 1)) ** 2
        self.readout = nn.Linear(spec.width * (cells if spec.flatten else 1), out_dim)
        self.temporal = TemporalMixer(out_dim, spec.temporal_layers)

    def forward(self, x_BTCHW: Tensor, valid_BT: Tensor | None = None) -> Tensor:
        return self.temporal(self.tokens(x_BTCHW, valid_BT))

    def tokens(self, x_BTCHW: Tensor, valid_BT: Tensor | None = None) -> Tensor:
        """Tokens before the temporal mixer; those of other inputs may be added to them."""
        x_BTCHW = stack_neighbours(standardise(x_BTCHW, valid_BT), self.spec.frame_stack)
        pictures_NCHW = rearrange(x_BTCHW, "b t c h w -> (b t) c h w")
        # Without gradients a long clip goes through in parts, so it needs no more memory than a short one.
        parts = [pictures_NCHW] if torch.is_grad_enabled() else pictures_NCHW.split(MAX_PICTURES)
        tokens_ND = torch.cat([self._picture_tokens(part) for part in parts])
        return rearrange(tokens_ND, "(b t) d -> b t d", b=len(x_BTCHW))

    def _picture_tokens(self, pictures_NCHW: Tensor) -> Tensor:
        grid_NHWD = self.swin.forward_features(pictures_NCHW)
        if self.spec.flatten:
            return self.readout(rearrange(grid_NHWD, "n h w d -> n (h w d)"))
        return self.readout(reduce(grid_NHWD, "n h w d -> n d", "mean"))

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """The layers of the tower, for timm's layer-wise decay of the learning rate; see `swin_layers`."""
        return swin_layers()


class AudioTower(nn.Module):
    """Log-mel of a whole clip to framewise features.

    The clip is padded to whole windows, with its last mel frame, and the tokens of the padding are cut off. timm pads
    too, but only after it has shifted the windows, and then the clip's end would attend to its beginning.

    Shape:
        (B, 4 T, n_mels) -> (B, T, out_dim).
    """

    def __init__(self, spec: TowerSpec, n_mels: int, out_dim: int, backbone_pretrained: bool = False) -> None:
        super().__init__()
        if spec.patch != MEL_PER_FRAME:
            raise ValueError(f"the sound's patch is {MEL_PER_FRAME} mel frames, one video frame; got {spec.patch}")
        self.spec = spec
        self.norm = nn.BatchNorm1d(n_mels)
        # Tall enough for timm's own merging over time: windows, and what was learnt for them, keep their height.
        height = SEGMENT_FRAMES * MEL_PER_FRAME * 2 ** (len(spec.depths) - 1)
        swin = _swin(spec, (height, n_mels), 1, backbone_pretrained, dynamic=True)
        _merge_frequency_only(swin, spec.window, keep_weights=backbone_pretrained)
        self.swin = _extend(swin, spec)
        bands = n_mels // spec.patch // 2 ** (len(spec.depths) - 1)
        self.readout = nn.Linear(spec.width * (bands if spec.flatten else 1), out_dim)
        self.temporal = TemporalMixer(out_dim, spec.temporal_layers)

    def forward(self, mel_BTM: Tensor) -> Tensor:
        return self.temporal(self.tokens(mel_BTM))

    def tokens(self, mel_BTM: Tensor) -> Tensor:
        """Tokens before the temporal mixer; those of other inputs may be added to them."""
        frames = mel_BTM.shape[1] // MEL_PER_FRAME
        missing = -frames % self.spec.window
        mel_BMT = self.norm(rearrange(mel_BTM, "b t m -> b m t"))
        mel_BMT = nn.functional.pad(mel_BMT, (0, MEL_PER_FRAME * missing), mode="replicate")
        grid_BTFD = self.swin.forward_features(rearrange(mel_BMT, "b m t -> b 1 t m"))[:, :frames]
        if self.spec.flatten:
            return self.readout(rearrange(grid_BTFD, "b t f d -> b t (f d)"))
        return self.readout(reduce(grid_BTFD, "b t f d -> b t d", "mean"))

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """The layers of the tower, for timm's layer-wise decay of the learning rate; see `swin_layers`."""
        return swin_layers()


def swin_layers() -> dict[str, Any]:
    """Patterns of parameter names as timm's `group_matcher` gives them: what comes before the blocks, then each block.

    The patch merging of a stage goes with its first block. Everything else (the readout, the temporal layers) is the
    last layer.
    """
    blocks = [(r"^swin\.layers\.(\d+)\.downsample", (0,)), (r"^swin\.layers\.(\d+)\.blocks\.(\d+)", None)]
    return {"stem": r"^norm\.|^swin\.patch_embed", "blocks": blocks}


def _merge_frequency_only(swin: SwinTransformer, window: int, keep_weights: bool) -> None:
    """Make `swin` keep every row of time. Its masks are made a forward, so any number of rows goes in."""
    rows, bands = cast(tuple[int, int], swin.patch_embed.grid_size)
    for number, stage in enumerate(swin.layers.children()):
        assert isinstance(stage, SwinTransformerStage)
        if isinstance(stage.downsample, PatchMerging):
            merging = FrequencyMerging.from_patch_merging(stage.downsample, keep_weights)
            stage.register_module("downsample", merging)
        for block in stage.blocks.children():
            assert isinstance(block, SwinTransformerBlock)
            block.set_input_size((rows, bands // 2**number), (window, window))


class FrequencyMerging(nn.Module):
    """Swin's patch merging over frequency only: time keeps one row a video frame.

    Shape:
        (B, T, F, C) -> (B, T, F / 2, 2 C).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(2 * dim)
        self.reduction = nn.Linear(2 * dim, 2 * dim, bias=False)

    @classmethod
    def from_patch_merging(cls, merging: PatchMerging, keep_weights: bool) -> FrequencyMerging:
        """With `keep_weights`, act as the 2 x 2 merging would on two equal rows of time."""
        new = cls(merging.dim)
        if keep_weights:
            # timm orders the four cells (w, h, c): columns first, so the two rows of one column are neighbours.
            weight = reduce(merging.reduction.weight.data, "o (w h c) -> o (w c)", "sum", w=2, h=2)
            new.reduction.weight.data.copy_(weight)
            for name in ("weight", "bias"):
                norm = reduce(merging.get_parameter(f"norm.{name}").data, "(w h c) -> (w c)", "mean", w=2, h=2)
                new.norm.get_parameter(name).data.copy_(norm)
        return new

    def forward(self, x_BTFC: Tensor) -> Tensor:
        return self.reduction(self.norm(rearrange(x_BTFC, "b t (f two) c -> b t f (two c)", two=2)))


class ConvStem(nn.Module):
    """Overlapping 3 x 3 convolutions of stride 2 down to one patch, in timm's patch-embedding interface."""

    def __init__(
        self,
        img_size: tuple[int, int],
        patch_size: int,
        in_chans: int,
        embed_dim: int,
        **_: object,
    ) -> None:
        super().__init__()
        self.img_size = img_size
        self.patch_size = (patch_size, patch_size)
        self.grid_size = (img_size[0] // patch_size, img_size[1] // patch_size)
        steps = patch_size.bit_length() - 1
        if 2**steps != patch_size:
            raise ValueError(f"a convolutional stem needs a patch that is a power of two, not {patch_size}")
        widths = [in_chans, *[max(embed_dim // 2, 24)] * (steps - 1), embed_dim]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(embed_dim, embed_dim, 1))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return rearrange(self.layers(x_BCHW), "b c h w -> b h w c")


def _swin(
    spec: TowerSpec, size: tuple[int, int], channels: int, backbone_pretrained: bool, dynamic: bool = False
) -> SwinTransformer:
    options: dict[str, Any] = {
        "img_size": size,
        "in_chans": channels,
        "window_size": spec.window,
        "drop_path_rate": spec.drop_path,
        "strict_img_size": not dynamic,
        "num_classes": 0,
    }
    if backbone_pretrained:
        if not spec.timm_name:
            raise ValueError(
                "this tower has no ImageNet weights: backbone_pretrained=False, or a size with a timm_name"
            )
        return cast(SwinTransformer, timm.create_model(spec.timm_name, pretrained=True, **options))
    if spec.conv_stem:
        options["embed_layer"] = ConvStem
    return SwinTransformer(
        embed_dim=spec.embed_dim, depths=spec.depths, num_heads=spec.num_heads, patch_size=spec.patch, **options
    )


def _extend(swin: SwinTransformer, spec: TowerSpec) -> SwinTransformer:
    """Add to timm's Swin what a tower needs."""
    if spec.lfa:
        swin = add_lfa(swin, spec.lfa_zero_init, spec.lfa_position)
    return checkpoint_blocks(swin) if spec.checkpoint else swin


def standardise(x_BTCHW: Tensor, valid_BT: Tensor | None = None) -> Tensor:
    """uint8 to zero mean and unit deviation over the valid frames of each clip: light and skin tone carry no speech."""
    x_BTCHW = x_BTCHW.float() / 255
    variance_BT, mean_BT = torch.var_mean(x_BTCHW, (2, 3, 4), correction=0)
    weight_BT = torch.ones_like(mean_BT) if valid_BT is None else valid_BT.to(mean_BT.dtype)
    weight_BT = weight_BT / weight_BT.sum(1, keepdim=True).clamp_min(1)
    mean_B1 = (weight_BT * mean_BT).sum(1, keepdim=True)
    variance_B1 = (weight_BT * (variance_BT + (mean_BT - mean_B1).square())).sum(1, keepdim=True)
    mean, deviation = (rearrange(value_B1, "b 1 -> b 1 1 1 1") for value_B1 in (mean_B1, variance_B1.sqrt()))
    return (x_BTCHW - mean) / (deviation + 0.05)


def stack_neighbours(x_BTCHW: Tensor, count: int) -> Tensor:
    """(B, T, C, H, W) -> (B, T, count C, H, W): each frame with its neighbours, edges repeated."""
    if count == 1:
        return x_BTCHW
    T = x_BTCHW.shape[1]
    steps = torch.arange(count, device=x_BTCHW.device) - count // 2
    index_TN = (torch.arange(T, device=x_BTCHW.device)[:, None] + steps).clamp(0, T - 1)
    return rearrange(x_BTCHW[:, index_TN], "b t n c h w -> b t (n c) h w")
