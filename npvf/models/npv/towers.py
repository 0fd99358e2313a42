"""The encoders: one token a video frame out of pictures (`VisualTower`) and out of sound (`AudioTower`).

Both are timm's Swin with local feature aggregation. The sound keeps its clock: patches span 4 mel frames, which is one
video frame, and patch merging runs over frequency only, so 24 frames stay 24 tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import timm
import torch
from timm.models.swin_transformer import PatchMerging, SwinTransformer, SwinTransformerBlock, SwinTransformerStage
from torch import Tensor, nn

from npvf.clip import MEL_PER_FRAME, SEGMENT_FRAMES
from npvf.models.checkpointing import checkpoint_blocks
from npvf.models.npv.lfa import Position, add_lfa

MAX_PICTURES = 128


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


class VisualTower(nn.Module):
    """Pictures of one stream to framewise features.

    Shape:
        (B, T, C, H, W) uint8 -> (B, T, out_dim).
    """

    def __init__(self, spec: TowerSpec, size: int, channels: int, out_dim: int, pretrained: bool = False) -> None:
        super().__init__()
        self.spec = spec
        self.swin = _extend(_swin(spec, (size, size), channels * spec.frame_stack, pretrained), spec)
        cells = (size // spec.patch // 2 ** (len(spec.depths) - 1)) ** 2
        self.readout = nn.Linear(spec.width * (cells if spec.flatten else 1), out_dim)
        self.temporal = TemporalMixer(out_dim, spec.temporal_layers)

    def forward(self, x_BTCHW: Tensor) -> Tensor:
        B, T = x_BTCHW.shape[:2]
        x_BTCHW = standardise(x_BTCHW)
        x_BTCHW = stack_neighbours(x_BTCHW, self.spec.frame_stack)
        pictures_NCHW = x_BTCHW.flatten(0, 1)
        # Without gradients a long clip goes through in parts: memory stays that of a short one.
        parts = [pictures_NCHW] if torch.is_grad_enabled() else pictures_NCHW.split(MAX_PICTURES)
        tokens_ND = torch.cat([self._tokens(part) for part in parts])
        return self.temporal(tokens_ND.unflatten(0, (B, T)))

    def _tokens(self, pictures_NCHW: Tensor) -> Tensor:
        grid_NHWD = self.swin.forward_features(pictures_NCHW)
        return self.readout(grid_NHWD.flatten(1) if self.spec.flatten else grid_NHWD.mean((1, 2)))


class AudioTower(nn.Module):
    """Log-mel of a whole clip to framewise features.

    Shape:
        (B, 4 T, n_mels) -> (B, T, out_dim).
    """

    def __init__(self, spec: TowerSpec, n_mels: int, out_dim: int, pretrained: bool = False) -> None:
        super().__init__()
        if spec.patch != MEL_PER_FRAME:
            raise ValueError(f"the sound's patch is {MEL_PER_FRAME} mel frames, one video frame; got {spec.patch}")
        self.spec = spec
        self.norm = nn.BatchNorm1d(n_mels)
        # Tall enough for timm's own merging over time: windows, and what was learnt for them, keep their height.
        height = SEGMENT_FRAMES * MEL_PER_FRAME * 2 ** (len(spec.depths) - 1)
        swin = _swin(spec, (height, n_mels), 1, pretrained, dynamic=True)
        _merge_frequency_only(swin, spec.window, keep_weights=pretrained)
        self.swin = _extend(swin, spec)
        bands = n_mels // spec.patch // 2 ** (len(spec.depths) - 1)
        self.readout = nn.Linear(spec.width * (bands if spec.flatten else 1), out_dim)
        self.temporal = TemporalMixer(out_dim, spec.temporal_layers)

    def forward(self, mel_BTM: Tensor) -> Tensor:
        mel_BMT = self.norm(mel_BTM.transpose(1, 2))
        grid_BTFD = self.swin.forward_features(mel_BMT.transpose(1, 2).unsqueeze(1))
        tokens_BTD = grid_BTFD.flatten(2) if self.spec.flatten else grid_BTFD.mean(2)
        return self.temporal(self.readout(tokens_BTD))


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
            weight_OWHC = merging.reduction.weight.data.unflatten(1, (2, 2, merging.dim))
            new.reduction.weight.data.copy_(weight_OWHC.sum(2).flatten(1))
            for name in ("weight", "bias"):
                norm_WHC = merging.get_parameter(f"norm.{name}").data.unflatten(0, (2, 2, merging.dim))
                new.norm.get_parameter(name).data.copy_(norm_WHC.mean(1).flatten())
        return new

    def forward(self, x_BTFC: Tensor) -> Tensor:
        return self.reduction(self.norm(x_BTFC.unflatten(2, (-1, 2)).flatten(3)))


class TemporalMixer(nn.Module):
    """Residual depth-wise temporal convolutions (5 frames) over framewise tokens.

    Not in the paper: a frame tower sees single pictures, and evolution is about neighbours.

    Shape:
        (B, T, D) -> (B, T, D).
    """

    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(TemporalBlock(dim) for _ in range(layers)))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x_BTD: Tensor) -> Tensor:
        return self.norm(self.layers(x_BTD))


class TemporalBlock(nn.Module):
    """One layer of `TemporalMixer`: (B, T, D) -> (B, T, D)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.time = nn.Conv1d(dim, dim, 5, padding=2, groups=dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x_BTD: Tensor) -> Tensor:
        return x_BTD + self.mlp(self.time(self.norm(x_BTD).transpose(1, 2)).transpose(1, 2))


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
        return self.layers(x_BCHW).permute(0, 2, 3, 1)


def _swin(
    spec: TowerSpec, size: tuple[int, int], channels: int, pretrained: bool, dynamic: bool = False
) -> SwinTransformer:
    options: dict[str, Any] = {
        "img_size": size,
        "in_chans": channels,
        "window_size": spec.window,
        "drop_path_rate": spec.drop_path,
        "strict_img_size": not dynamic,
        "num_classes": 0,
    }
    if pretrained:
        if not spec.timm_name:
            raise ValueError("this tower has no ImageNet weights: pretrained=False, or a size with a timm_name")
        return cast(SwinTransformer, timm.create_model(spec.timm_name, pretrained=True, **options))
    if spec.conv_stem:
        options["embed_layer"] = ConvStem
    return SwinTransformer(
        embed_dim=spec.embed_dim, depths=spec.depths, num_heads=spec.num_heads, patch_size=spec.patch, **options
    )


def _extend(swin: SwinTransformer, spec: TowerSpec) -> SwinTransformer:
    """What a tower adds to timm's Swin."""
    if spec.lfa:
        swin = add_lfa(swin, spec.lfa_zero_init, spec.lfa_position)
    return checkpoint_blocks(swin) if spec.checkpoint else swin


def standardise(x_BTCHW: Tensor) -> Tensor:
    """uint8 to zero mean and unit deviation over each clip: light and skin tone carry no speech."""
    x_BTCHW = x_BTCHW.float() / 255
    dims = (1, 3, 4)
    deviation, mean = torch.std_mean(x_BTCHW, dims, keepdim=True)
    return (x_BTCHW - mean) / (deviation + 0.05)


def stack_neighbours(x_BTCHW: Tensor, count: int) -> Tensor:
    """(B, T, C, H, W) -> (B, T, count C, H, W): each frame with its neighbours, edges repeated."""
    if count == 1:
        return x_BTCHW
    T = x_BTCHW.shape[1]
    steps = torch.arange(count, device=x_BTCHW.device) - count // 2
    index_TN = (torch.arange(T, device=x_BTCHW.device)[:, None] + steps).clamp(0, T - 1)
    return x_BTCHW[:, index_TN].flatten(2, 3)
