"""The plain baseline: any timm network on single pictures of the face. No sound, no time, nothing of the papers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import timm
import torch
from torch import Tensor

from npvf.models.batch import InputSpec
from npvf.models.config import ModelConfig
from npvf.models.pretrained import PretrainedModel
from npvf.models.registry import register_model


@dataclass(frozen=True, slots=True)
class FrameClassifierConfig(ModelConfig):
    """Everything that makes a frame classifier, as JSON beside its weights.

    Args:
        name: the registry's name.
        timm_name: any classifier of timm's.
        inputs: `face_size`, `face_channels` and `face_stride` count; the mouth and the gate are not looked at.
    """

    family: ClassVar[str] = "frames"

    timm_name: str = "legacy_xception"
    inputs: InputSpec = field(default_factory=lambda: InputSpec(mouth_size=16, mouth_channels=1, gate="all"))

    def build(self, backbone_pretrained: bool | str = False) -> FrameClassifier:
        return FrameClassifier(self, self._from_hub(backbone_pretrained))


class FrameClassifier(PretrainedModel):
    """One logit a picture.

    Shape:
        (..., C, H, W) uint8 -> (...), a fake is above 0.
    """

    config: FrameClassifierConfig
    mean_C11: Tensor
    std_C11: Tensor

    def __init__(self, config: FrameClassifierConfig, backbone_pretrained: bool = False) -> None:
        super().__init__()
        self.config = config
        self.network = timm.create_model(
            config.timm_name, pretrained=backbone_pretrained, num_classes=1, in_chans=config.inputs.face_channels
        )
        data = timm.data.resolve_model_data_config(self.network)
        channels = (-1, 1, 1)
        self.register_buffer("mean_C11", torch.tensor(data["mean"]).view(channels), persistent=False)
        self.register_buffer("std_C11", torch.tensor(data["std"]).view(channels), persistent=False)

    def forward(self, face_CHW: Tensor) -> Tensor:
        pictures_NCHW = (face_CHW.flatten(0, -4).float() / 255 - self.mean_C11) / self.std_C11
        return self.network(pictures_NCHW).view(face_CHW.shape[:-3])


@register_model
def frames_nano() -> FrameClassifierConfig:
    """A CPU trains it in minutes: half a small MobileNetV3 on 96 px faces, every fourth frame."""
    inputs = InputSpec(mouth_size=16, mouth_channels=1, face_size=96, gate="all")
    return FrameClassifierConfig(name="frames_nano", timm_name="mobilenetv3_small_050", inputs=inputs)


@register_model
def frames_xception() -> FrameClassifierConfig:
    """The classifier that deepfake corpora are usually published with, on the whole crop."""
    return FrameClassifierConfig(name="frames_xception")
