"""ST-DDL: a face's pictures and its motion, fused by attention, become a mask of the forged pixels and a verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Any, ClassVar, Literal, get_args

from einops import rearrange
from torch import Tensor, nn

from npvf.models.config import ModelConfig
from npvf.models.pretrained import PretrainedModel
from npvf.models.stddl.anchor_mesh_motion import anchor_mesh_motion, normalise_motion, refined_mesh_motion
from npvf.models.stddl.encoder import MULTIPLE, EncoderSpec, PyramidEncoder
from npvf.models.stddl.face_batch import FaceSpec
from npvf.models.stddl.face_meshes import Mesh
from npvf.models.stddl.fusion_attention import FusionAttention
from npvf.models.stddl.mask_decoder import MaskDecoder
from npvf.models.stddl.residuals import residuals

MotionSource = Literal["anchor_mesh", "refined_mesh", "flow", "none"]
Look = Literal["rgb", "residuals"]
MOTION_FIELDS = ("motion", "mesh", "smoothing", "flow", "motion_encoder")  # of the configuration: the motion branch


@dataclass(frozen=True, slots=True)
class STDDLConfig(ModelConfig):
    """Everything that makes an ST-DDL model, as JSON beside its weights.

    Args:
        name: the registry's name.
        size: side of the face's picture in pixels, a multiple of 32; 512 in the paper.
        picture, motion_encoder: the two encoders.
        look: what the first one sees, "rgb", the paper's, or "residuals", for small networks from scratch.
        motion: "anchor_mesh", the paper's; "refined_mesh", whose corners move as the optical flow does there; to
            compare with, "flow", optical flow in its place, and "none", no motion branch: the picture is its own key
            in the fusion attention.
        mesh: of Anchor-Mesh Motion, "anchors", the paper's 68, or "dense", all of MediaPipe's.
        smoothing: standard deviation in frames by which the landmarks of a mesh are smoothed over time, 0 for none.
        flow: which optical flow the batch comes with (`npvf.faces.flow`); one cannot be exchanged for another.
        dim, heads: of the fusion attention.
        decoder: channels of the decoder's two steps.
        mask_stride: 1, the paper's, or 4: the mask's logits have a quarter of the picture's side and are enlarged.
        judged_share: a frame's logit is the mean over this share of the positions, those with the highest logits. 1 is
            the paper's mean over all, in which a forged mouth hardly counts.
    """

    family: ClassVar[str] = "stddl"

    size: int = 512
    picture: EncoderSpec = field(default_factory=EncoderSpec)
    motion_encoder: EncoderSpec = field(default_factory=EncoderSpec)
    look: Look = "rgb"
    motion: MotionSource = "anchor_mesh"
    mesh: Mesh = "anchors"
    smoothing: float = 0.0
    flow: Literal["dis", "farneback", "tvl1"] = "dis"
    dim: int = 512
    heads: int = 16
    decoder: tuple[int, int] = (32, 8)
    mask_stride: int = 1
    judged_share: float = 1.0

    def __post_init__(self) -> None:
        if self.size % MULTIPLE or self.size <= 0:
            raise ValueError(f"size must be a multiple of {MULTIPLE}, not {self.size}")
        if self.mask_stride not in (1, 4):
            raise ValueError(f"mask_stride must be 1 or 4, not {self.mask_stride}")
        if not 0 < self.judged_share <= 1:
            raise ValueError(f"judged_share must be in (0, 1], not {self.judged_share}")
        if self.look not in ("rgb", "residuals"):
            raise ValueError(f"look {self.look!r} is neither rgb nor residuals")
        if self.motion not in get_args(MotionSource):
            raise ValueError(f"motion {self.motion!r} is none of {', '.join(get_args(MotionSource))}")
        if self.smoothing < 0:
            raise ValueError(f"smoothing must not be below 0 frames, but is {self.smoothing}")
        if self.mesh not in ("anchors", "dense"):
            raise ValueError(f"mesh {self.mesh!r} is neither anchors nor dense")

    @property
    def inputs(self) -> FaceSpec:
        """The inputs of the model, the same in training and inference."""
        flow = self.flow if self.motion in ("flow", "refined_mesh") else None
        return FaceSpec(self.size, flow, self.smoothing if self.motion in ("anchor_mesh", "refined_mesh") else 0.0)

    def build(self, backbone_pretrained: bool | str = False) -> STDDL:
        return STDDL(self, backbone_pretrained)


@dataclass(slots=True)
class STDDLOutput:
    """Logits of the T - 1 frames that have a follower; a motion belongs to the first frame of its pair.

    Shapes:
        mask_logits_BTHW: (B, T - 1, H, W), a forged pixel is above 0.
        frame_logits_BT: (B, T - 1), a forged frame is above 0.
        logits_B: their mean, the clip's.
    """

    mask_logits_BTHW: Tensor
    frame_logits_BT: Tensor
    logits_B: Tensor

    def rows(self, index: slice) -> STDDLOutput:
        """The outputs of some clips."""
        return STDDLOutput(self.mask_logits_BTHW[index], self.frame_logits_BT[index], self.logits_B[index])


class STDDL(PretrainedModel):
    """The whole network. It judges one face; a video's faces are so many clips.

    The last frame of a clip has no follower, hence no motion, and is not looked at. The published code gives it the
    motion towards the first frame of another clip, drops its mask, but lets it into the clip's mean: we do not. Nor
    does the result for a clip depend on what else is in the batch.

    Shape:
        frames (B, T, 3, H, W) uint8 RGB, landmarks (B, T, 478, 2) in pixels of these pictures, T at least 2, H and W
        multiples of 32 -> `STDDLOutput`. `motion` (B, T - 1 or T, 2, H, W) in pixels takes the place of what the model
        would compute; with the sources "flow" and "refined_mesh" it is the optical flow and must be given, with "none"
        it is not looked at.

    Raises:
        ValueError: a clip has a single frame, a size is not a multiple of 32, or flow is missing.
    """

    config: STDDLConfig

    def __init__(self, config: STDDLConfig, backbone_pretrained: bool | str = False) -> None:
        super().__init__()
        if backbone_pretrained and config.look != "rgb":
            raise ValueError("ImageNet's weights know RGB: look='rgb', or backbone_pretrained=False")
        self.config = config
        self.picture_encoder = PyramidEncoder(config.picture, 3, config.dim, backbone_pretrained)
        if config.motion != "none":
            self.motion_encoder = PyramidEncoder(config.motion_encoder, 2, config.dim, backbone_pretrained)
        self.fusion = FusionAttention(config.dim, config.heads)
        self.decoder = MaskDecoder(config.dim, config.decoder, config.mask_stride)
        self.head = nn.Linear(config.dim, 1)

    def forward(self, frames_BTCHW: Tensor, landmarks_BTN2: Tensor, motion_BTCHW: Tensor | None = None) -> STDDLOutput:
        B, T, _, H, W = frames_BTCHW.shape
        if T < 2:
            raise ValueError("motion needs clips of at least 2 frames")
        if H % MULTIPLE or W % MULTIPLE:
            raise ValueError(f"pictures must have sides of a multiple of {MULTIPLE} pixels, not {H} x {W}")
        look = self.config.inputs.normalise if self.config.look == "rgb" else residuals
        picture_NDHW = self.picture_encoder(look(rearrange(frames_BTCHW[:, :-1], "b t c h w -> (b t) c h w")))
        motion_NSD = self._motion_tokens(frames_BTCHW, landmarks_BTN2, motion_BTCHW)
        fused_NSD = self.fusion(tokens(picture_NDHW), motion_NSD)
        mask_NHW = self.decoder(rearrange(fused_NSD, "n (h w) d -> n d h w", h=picture_NDHW.shape[2]))
        frame_logits_BT = rearrange(self._judge(fused_NSD), "(b t) -> b t", b=B)
        mask_BTHW = rearrange(mask_NHW, "(b t) h w -> b t h w", b=B)
        return STDDLOutput(mask_BTHW, frame_logits_BT, frame_logits_BT.mean(1))

    def _judge(self, fused_NSD: Tensor) -> Tensor:
        """The logits (N,) of frames: the mean over their most suspicious positions."""
        logits_NS = self.head(fused_NSD).squeeze(-1)
        count = ceil(self.config.judged_share * logits_NS.shape[1])
        return logits_NS.topk(count, dim=1, sorted=False).values.mean(1)

    @property
    def encoders(self) -> list[PyramidEncoder]:
        """The picture's, and the motion's if there is one."""
        return [self.picture_encoder, *([] if self.config.motion == "none" else [self.motion_encoder])]

    def with_motion(self, backbone_pretrained: bool | str = False, **overrides: Any) -> STDDL:
        """The same weights beside a new motion branch, to see what it adds to a trained network.

        Args:
            backbone_pretrained: start the motion's encoder from ImageNet weights.
            overrides: of the configuration: `motion`, `mesh`, `smoothing`, `flow`, and fields of `motion_encoder`.

        Raises:
            ValueError: an override changes another part of the network.

        Examples:
            >>> import npvf
            >>> appearance = npvf.create_model("stddl_lite", motion="none")
            >>> appearance.with_motion(motion="anchor_mesh").config.motion
            'anchor_mesh'
        """
        if other := {name for name in overrides if name.split("__")[0] not in MOTION_FIELDS}:
            raise ValueError(f"{', '.join(sorted(other))} would change more than the motion branch")
        model = self.config.configured(**overrides).build(backbone_pretrained)
        kept = {name: weight for name, weight in self.state_dict().items() if not name.startswith("motion_encoder.")}
        model.load_state_dict(kept, strict=False)  # the motion's encoder stays as it is
        return model

    def _motion_tokens(self, frames_BTCHW: Tensor, landmarks_BTN2: Tensor, motion: Tensor | None) -> Tensor | None:
        """The keys (B (T - 1), S, D) of the fusion attention."""
        if self.config.motion == "none":
            return None
        if motion is None:
            motion = self.motion(frames_BTCHW, landmarks_BTN2)
        motion = motion[:, : frames_BTCHW.shape[1] - 1]
        if self.config.motion == "refined_mesh":
            motion = refined_mesh_motion(landmarks_BTN2, motion, self.config.mesh)
        motion = normalise_motion(motion)
        return tokens(self.motion_encoder(rearrange(motion, "b t c h w -> (b t) c h w")))

    def motion(self, frames_BTCHW: Tensor, landmarks_BTN2: Tensor) -> Tensor:
        """Anchor-Mesh Motion from each frame to the next one, in pixels: (B, T - 1, 2, H, W)."""
        if self.config.motion != "anchor_mesh":
            raise ValueError(f"this model's motion is {self.config.motion}: it must come with the batch")
        height, width = frames_BTCHW.shape[-2:]
        return anchor_mesh_motion(landmarks_BTN2, (height, width), self.config.mesh)


def tokens(x_NDHW: Tensor) -> Tensor:
    """(N, D, H, W) -> (N, H W, D)."""
    return rearrange(x_NDHW, "n d h w -> n (h w) d")
