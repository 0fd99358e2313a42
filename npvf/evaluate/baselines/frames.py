"""A frame classifier as a scorer: the mean logit of a clip's pictures, calibrated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from npvf.clip import Clip
from npvf.data.transforms import resize
from npvf.detect.calibration import Calibration
from npvf.detect.detector import ClipScore
from npvf.errors import NpvfError
from npvf.models.frame_classifier import FrameClassifier
from npvf.models.pretrained import read_config, resolve_folder
from npvf.version import __version__


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """The settings of a frame classifier beside its weights: calibration of the mean logit, and threshold."""

    calibration: Calibration = field(default_factory=Calibration)
    threshold: float = 0.5


class FrameScorer:
    """A score for each clip, the mean over its frames.

    Args:
        model: is put into evaluation mode.
        settings: calibration and threshold.
    """

    def __init__(self, model: FrameClassifier, settings: FrameSettings | None = None) -> None:
        self.model = model.eval()
        self.settings = settings or FrameSettings()

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu") -> FrameScorer:
        """Load what `save` wrote.

        Raises:
            NpvfError: there is none, or it is another kind of folder.
        """
        folder = resolve_folder(folder)
        said = read_config(folder).get("frames")
        if said is None:
            raise NpvfError(f"{folder} holds no trained frame classifier: npvf finetune makes one")
        settings = FrameSettings(Calibration(**said["calibration"]), said["threshold"])
        return cls(FrameClassifier.from_pretrained(folder).to(device), settings)

    def save(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """`config.json`, calibration included, and `model.safetensors`; `training` is for people."""
        extra = {"frames": asdict(self.settings), "training": training or {}, "npvf": __version__}
        return self.model.save_pretrained(folder, extra)

    @torch.no_grad()
    def score_clips(self, clips: Iterable[Clip]) -> Iterator[ClipScore]:
        """One score a clip; sound is not needed."""
        for clip in clips:
            logit = float(self.model(self.pictures(clip)).mean())
            probability = self.settings.calibration.probability(logit)
            yield ClipScore(clip.meta.key, clip.meta.video, clip.meta.track, probability, "")

    def pictures(self, clip: Clip) -> Tensor:
        """Return the inputs of the network from a clip, (ceil(T / stride), C, H, W) uint8 on its device."""
        spec = self.model.config.inputs
        face_TCHW = resize(clip.face_THWC[:: spec.face_stride], spec.face_size, spec.face_channels)
        return face_TCHW.to(next(self.model.parameters()).device)
