"""A frame classifier as a predictor: single pictures of the face that speaks, calibrated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from npvf.clip import Clip
from npvf.data.transforms import resize
from npvf.detect.aggregate import ClipScore, DecisionSettings, segment_means
from npvf.detect.predictor import Predictor
from npvf.errors import NpvfError
from npvf.models.frame_classifier import FrameClassifier
from npvf.models.pretrained import read_config, resolve_folder
from npvf.version import __version__

SETTINGS = DecisionSettings(name="frames", undecided=0.0)


class FramePredictor(Predictor):
    """A logit for each segment, the mean over its pictures.

    Args:
        model: is put into evaluation mode.
        settings: how logits become a verdict, calibration included.
    """

    def __init__(self, model: FrameClassifier, settings: DecisionSettings = SETTINGS) -> None:
        self.model = model.eval()
        self.settings = settings

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu", **overrides: Any) -> FramePredictor:
        """Load what `save_pretrained` wrote; `overrides` are fields of `DecisionSettings`.

        Raises:
            NpvfError: there is none, or it is another kind of folder.
        """
        folder = resolve_folder(folder)
        content = read_config(folder)
        if "frames" not in content:
            raise NpvfError(f"{folder} holds no trained frame classifier: npvf finetune makes one")
        settings = DecisionSettings.from_json(content["frames"]).configured(**overrides)
        return cls(FrameClassifier.from_pretrained(folder).to(device), settings)

    def save_pretrained(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write `config.json`, calibration included, and `model.safetensors`."""
        extra = {"frames": self.settings.to_json(), "training": training or {}, "npvf": __version__}
        return self.model.save_pretrained(folder, extra)

    @torch.no_grad()
    def score_clip(self, clip: Clip) -> ClipScore:
        """A logit for each segment."""
        logits_F = self.model(self.pictures(clip)).float().cpu().numpy()
        logits, starts = picture_segments(logits_F, self.model.config.inputs.face_stride, clip.frames)
        return ClipScore(clip.meta.key, clip.meta.video, clip.meta.track, logits, starts)

    def pictures(self, clip: Clip) -> Tensor:
        """Return the inputs of the network from a clip, (ceil(T / stride), C, H, W) uint8 on its device."""
        spec = self.model.config.inputs
        face_TCHW = resize(clip.face_THWC[:: spec.face_stride], spec.face_size, spec.face_channels)
        return face_TCHW.to(next(self.model.parameters()).device)


def picture_segments(logits_F: np.ndarray, stride: int, frames: int) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Logits and first frames of a clip's segments, from the logits of every `stride`-th frame."""
    return segment_means(np.repeat(logits_F, stride)[:frames])
