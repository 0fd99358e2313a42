"""NPVForensics: gated viseme and face streams against sound, projected, fused and judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from einops import reduce, repeat
from torch import Tensor, nn

from npvf.models.batch import Batch, Features, InputSpec, slice_segments
from npvf.models.config import ModelConfig
from npvf.models.npv.awareness import Orientation, create_awareness
from npvf.models.npv.detection_head import DetectionHead, HeadKind
from npvf.models.npv.heads import ProjectionHead
from npvf.models.npv.person_free import GeometryTokens, JoinedTower, PhoneTokens
from npvf.models.npv.tower_spec import TowerSpec
from npvf.models.pretrained import PretrainedModel

Backbone = Literal["swin", "conv"]


@dataclass(frozen=True, slots=True)
class NPVConfig(ModelConfig):
    """Everything that makes an NPV model, as JSON beside its weights.

    Args:
        name: the registry's name.
        inputs: how a clip becomes tensors.
        viseme, face, audio: the towers.
        backbone: "swin", the paper's towers, or "conv", plain ones to compare with (`npvf.models.npv.conv_towers`).
        input_drop: see `JoinedTower`; counts where a stream has two inputs.
        face_stream: whether there is F (with A'); without, its features are of width 0 and L_Info has nothing to do.
        audio_towers: "shared", one for A and A', or "separate".
        dim: width D of the framewise features.
        common_dim: width of the common spaces (512 in [VATT], whose heads these are).
        awareness_hidden, awareness_orientation: see `Awareness`.
        head: what the detection head sees, see `DetectionHead`.
    """

    family: ClassVar[str] = "npv"
    moved: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("head_fused", "head_agreement"),
        "write head: 'agreement', 'residual' or 'paper'; a detector trained with it has to be trained again",
    )

    inputs: InputSpec = field(default_factory=InputSpec)
    viseme: TowerSpec = field(default_factory=TowerSpec)
    face: TowerSpec = field(default_factory=TowerSpec)
    audio: TowerSpec = field(default_factory=TowerSpec)
    backbone: Backbone = "swin"
    input_drop: float = 0.3
    face_stream: bool = True
    audio_towers: Literal["shared", "separate"] = "shared"
    dim: int = 768
    common_dim: int = 512
    awareness_hidden: int = 64
    awareness_orientation: Orientation = "tokens"
    head: HeadKind = "agreement"

    def build(self, backbone_pretrained: bool | str = False) -> NPV:
        return NPV(self, self._from_hub(backbone_pretrained))


@dataclass(slots=True)
class Projections:
    """Unit vectors, framewise, (B, T, P) each: `viseme` and `audio` in S_va, `face` and `context` in S_fa."""

    viseme: Tensor
    audio: Tensor
    face: Tensor
    context: Tensor


@dataclass(slots=True)
class Fused:
    """The awareness module's attended streams of N segments: (N, S, D) each."""

    viseme: Tensor
    audio: Tensor
    face: Tensor
    context: Tensor


def towers_of(backbone: Backbone) -> tuple[Any, Any]:
    """Return the classes of the visual and the audio tower. They need timm; models without pixels and mel do not."""
    if backbone == "conv":
        from npvf.models.npv.conv_towers import ConvAudioTower, ConvVisualTower

        return ConvVisualTower, ConvAudioTower
    from npvf.models.npv.towers import AudioTower, VisualTower

    return VisualTower, AudioTower


class NPV(PretrainedModel):
    """The whole network. Frame features are computed once a clip; segments are sliced out of them.

    Usage: `features = model.encode(batch)`, then `model.project`, `model.fuse` and `model.logits` on segments, or
    `model.agreement` frame by frame.
    """

    config: NPVConfig

    def __init__(self, config: NPVConfig, backbone_pretrained: bool = False) -> None:
        super().__init__()
        self.config = config
        spec, dim = config.inputs, config.dim
        self.viseme_tower = self._viseme_tower(backbone_pretrained)
        self.audio_tower = self._audio_tower(backbone_pretrained)
        self.viseme_head = ProjectionHead(dim, config.common_dim, deep=True)
        self.audio_head = ProjectionHead(dim, config.common_dim, deep=False)
        hidden, orientation = config.awareness_hidden, config.awareness_orientation
        self.awareness_va = create_awareness(dim, hidden, orientation)
        if config.face_stream:
            visual, _ = towers_of(config.backbone)
            self.face_tower = visual(config.face, spec.face_size, spec.face_channels, dim, backbone_pretrained)
            separate = config.audio_towers == "separate"
            self.context_tower = self._audio_tower(backbone_pretrained) if separate else None
            self.face_head = ProjectionHead(dim, config.common_dim, deep=True)
            self.context_head = ProjectionHead(dim, config.common_dim, deep=False)
            self.awareness_fa = create_awareness(dim, hidden, orientation)
        width = (4 if config.face_stream else 2) * dim
        self.head = DetectionHead(config.head, width)

    def _viseme_tower(self, backbone_pretrained: bool) -> nn.Module:
        """The paper's tower of pixels, or one that takes geometry too, or alone."""
        config, spec = self.config, self.config.inputs
        tower: Any = None
        if "pixels" in spec.picture:
            visual, _ = towers_of(config.backbone)
            tower = visual(config.viseme, spec.mouth_size, spec.mouth_channels, config.dim, backbone_pretrained)
        if "geometry" not in spec.picture:
            return tower
        tokens = GeometryTokens(spec.geometry_points, config.dim)
        return JoinedTower(tower, tokens, config.dim, config.viseme.temporal_layers, config.input_drop)

    def _audio_tower(self, backbone_pretrained: bool) -> nn.Module:
        """The paper's tower of mel, or one that takes phones too, or alone."""
        config, spec = self.config, self.config.inputs
        tower: Any = None
        if "mel" in spec.sound:
            _, audio = towers_of(config.backbone)
            tower = audio(config.audio, spec.n_mels, config.dim, backbone_pretrained)
        if "phones" not in spec.sound:
            return tower
        tokens = PhoneTokens(spec.posteriors, config.dim)
        return JoinedTower(tower, tokens, config.dim, config.audio.temporal_layers, config.input_drop)

    def encode(self, batch: Batch, faces: bool = True) -> Features:
        """Framewise features of whole clips, (B, T, D) in every stream.

        Without `faces` the streams F and A' have width 0: the agreement of lips and audio does not need them.

        In evaluation a clip's features do not depend on the clips beside it: where a batch is padded, each clip is
        encoded alone, because windows and convolutions would look at the padding. Features of padding are then 0.
        """
        lengths = batch.valid_BT.sum(1).tolist()
        if self.training or min(lengths) == batch.valid_BT.shape[1]:
            return self._encode(batch, faces)
        stride = self.config.inputs.face_stride
        return Features.padded([self._encode(batch.clip(row, n, stride), faces) for row, n in enumerate(lengths)])

    def _encode(self, batch: Batch, faces: bool) -> Features:
        audio_BTD = self._hear(self.audio_tower, batch)
        face_BTD, context_BTD = self._encode_face(batch, audio_BTD, faces)
        return Features(
            viseme_BTD=self._see(batch),
            audio_BTD=audio_BTD,
            face_BTD=face_BTD,
            context_BTD=context_BTD,
            gate_BT=batch.gate_BT & batch.valid_BT,
            valid_BT=batch.valid_BT,
        )

    def _see(self, batch: Batch) -> Tensor:
        pixels = batch.mouth_BTCHW, batch.valid_BT
        if isinstance(self.viseme_tower, JoinedTower):
            return self.viseme_tower(pixels, (batch.geometry_BTP2, batch.valid_BT))
        return self.viseme_tower(*pixels)

    def _hear(self, tower: nn.Module, batch: Batch) -> Tensor:
        if isinstance(tower, JoinedTower):
            return tower((batch.mel_BTM,), (batch.posteriors_BFP,))
        return tower(batch.mel_BTM)

    def _encode_face(self, batch: Batch, audio_BTD: Tensor, faces: bool) -> tuple[Tensor, Tensor]:
        """F and A', of width 0 where there is no face stream or it is not asked for."""
        if not (faces and self.config.face_stream):
            return audio_BTD[..., :0], audio_BTD[..., :0]
        stride, frames = self.config.inputs.face_stride, audio_BTD.shape[1]
        context_BTD = audio_BTD if self.context_tower is None else self._hear(self.context_tower, batch)
        face_BFD = self.face_tower(batch.face_BTCHW, batch.valid_BT[:, ::stride])
        return repeat(face_BFD, "b f d -> b (f stride) d", stride=stride)[:, :frames], context_BTD

    def project(self, features: Features) -> Projections:
        """Into the common spaces (section 3.2)."""
        valid = features.valid_BT
        face, context = features.face_BTD, features.context_BTD
        if self.config.face_stream:
            face, context = self.face_head(face, valid), self.context_head(context, valid)
        viseme, audio = self.project_pair(features)
        return Projections(viseme, audio, face, context)

    def project_pair(self, features: Features) -> tuple[Tensor, Tensor]:
        """V and A alone, in S_va: unit vectors (B, T, P) each."""
        valid = features.valid_BT
        return self.viseme_head(features.viseme_BTD, valid), self.audio_head(features.audio_BTD, valid)

    def fuse(self, segments: Features) -> Fused:
        """Awareness over the pairs (V, A) and (F, A') of segments (equations 9 to 14)."""
        viseme, audio = self.awareness_va(segments.viseme_BTD, segments.audio_BTD)
        face, context = segments.face_BTD, segments.context_BTD
        if self.config.face_stream:
            face, context = self.awareness_fa(face, context)
        return Fused(viseme, audio, face, context)

    def logits(self, features: Features, starts_BK: Tensor) -> Tensor:
        """The fake logit of K segments of each clip: (B, K)."""
        z_v, z_a = (slice_segments(z_BTP, starts_BK).flatten(0, 1) for z_BTP in self.project_pair(features))
        segments = features.segments(starts_BK)
        fused = self.fuse(segments) if self.head.sees_streams else None
        return self.segment_logits(fused, z_v, z_a, segments.gate_BT).view(starts_BK.shape)

    def segment_logits(self, fused: Fused | None, z_v_NSP: Tensor, z_a_NSP: Tensor, gate_NS: Tensor) -> Tensor:
        """The fake logit of N segments that are sliced, fused (if the head sees that) and projected: (N,)."""
        if fused is None:
            return self.head(None, z_v_NSP, z_a_NSP, gate_NS)
        streams = [fused.viseme, fused.audio, fused.face, fused.context]
        pooled_NE = torch.cat([reduce(stream_NSD, "n s d -> n d", "mean") for stream_NSD in streams], dim=-1)
        return self.head(pooled_NE, z_v_NSP, z_a_NSP, gate_NS)

    def agreement(self, features: Features) -> Tensor:
        """Framewise cosine of viseme and sound in S_va: (B, T), in [-1, 1]."""
        z_v, z_a = self.project_pair(features)
        return (z_v * z_a).sum(-1)

    def forward(self, batch: Batch, starts_BK: Tensor) -> Tensor:
        """Logits of segments straight from a batch: (B, K)."""
        return self.logits(self.encode(batch), starts_BK)
