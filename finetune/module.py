"""Stage 2 as a Lightning module: a pre-trained encoder (or a fresh one) becomes a detector."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from finetune.data import splits_used
from npvf.detect.calibration import Calibration, best_threshold
from npvf.detect.detector import Detector, DetectorSettings
from npvf.detect.scoring import ScoringSettings, score_features
from npvf.errors import NpvfError
from npvf.losses import DetectionObjective
from npvf.metrics.detection import auc, average_precision
from npvf.models import NPV, Batch, Features
from npvf.models.npv.detection_head import FusedHead
from npvf.training.gather import gather
from npvf.training.module import TrainingModule
from npvf.training.optim import cosine_schedule, parameter_groups

SCORING = ScoringSettings()
AWARENESS = ("awareness_va", "awareness_fa")
# Of the fused part of a residual head, ten times that of the rest: it may add to the agreement only what many people
# confirm. Our choice.
FUSED_WEIGHT_DECAY = 0.5


@dataclass(frozen=True, slots=True)
class ClipLogits:
    """One validation clip and the logits of its segments."""

    key: str
    video: str
    label: int
    logits_K: np.ndarray


class DetectionModule(TrainingModule):
    """NPV, its fine-tuning objective, and validation by video.

    Args:
        encoder: an encoder folder that pre-training wrote, or a hub repository; null trains from scratch.
        model, model_args: what to create from scratch; an encoder brings its own.
        objective: arguments of `DetectionObjective`.
        head_lr, backbone_lr: peak rates of AdamW: of the detection head and the awareness module, and of the towers and
            projection heads. The facts recommend 1e-4 and 1e-5 for Swin-T; the third-party re-implementation has 1e-6.
        freeze: train the head and the awareness module alone.
        layer_decay: factor of the backbone's rate from each Swin block to the one before it; 1 is off. What lies near
            the pixels is the same for all tasks: 0.75 is usual for Swin.
        compile: as in pre-training.
        weight_decay, betas, warmup, seed: as in pre-training.

    Raises:
        NpvfError: both an encoder and arguments of another model are given.
    """

    model: NPV

    def __init__(
        self,
        encoder: str | None = None,
        model: str = "npv_nano",
        model_args: dict[str, Any] | None = None,
        objective: dict[str, Any] | None = None,
        head_lr: float = 1e-3,
        backbone_lr: float = 1e-4,
        freeze: bool = False,
        layer_decay: float = 1.0,
        compile: bool = False,
        weight_decay: float = 0.05,
        betas: tuple[float, float] = (0.9, 0.98),
        warmup: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if encoder is not None and model_args:
            raise NpvfError("model_args would change the encoder's network: give either an encoder or model_args")
        self.save_hyperparameters()
        self.model = NPV.create(model, **(model_args or {})) if encoder is None else NPV.from_pretrained(encoder)
        self.objective = DetectionObjective(**(objective or {}))
        self.head_lr, self.backbone_lr, self.frozen = head_lr, backbone_lr, freeze
        self.weight_decay, self.betas, self.warmup, self.seed = weight_decay, betas, warmup, seed
        self.layer_decay = layer_decay
        self.validated: list[ClipLogits] = []
        if compile:
            self.compile_towers()
        if freeze:
            for module in self.backbone:
                module.requires_grad_(False)
        self.train()  # Lightning trains in the modes it finds; a loaded encoder is in evaluation mode

    @property
    def head(self) -> list[nn.Module]:
        """What pre-training leaves to learn: the awareness module is tuned with the parts of the head."""
        awareness = [module for name, module in self.model.named_children() if name in AWARENESS]
        return [*awareness, *self.model.head.children()]

    @property
    def backbone(self) -> list[nn.Module]:
        """Towers and projection heads."""
        head = {id(module) for module in (*self.head, self.model.head)}
        return [module for module in self.model.children() if id(module) not in head]

    def train(self, mode: bool = True) -> DetectionModule:
        """A frozen backbone also keeps its batch statistics."""
        super().train(mode)
        if self.frozen:
            for module in self.backbone:
                module.eval()
        return self

    def groups(self) -> list[dict[str, Any]]:
        """Parameters with their rates: the head's, and the backbone's, which falls towards the pixels."""
        residual = [part for part in self.model.head.children() if isinstance(part, FusedHead) and part.residual]
        others = [module for module in self.head if module not in residual]
        groups = parameter_groups(others, self.head_lr, self.weight_decay)
        groups += parameter_groups(residual, self.head_lr, FUSED_WEIGHT_DECAY)
        if not self.frozen:
            groups += parameter_groups(self.backbone, self.backbone_lr, self.weight_decay, self.layer_decay)
        return groups

    def configure_optimizers(self) -> Any:
        """AdamW, warm-up and half a cosine over all steps of the run."""
        steps = int(self.trainer.estimated_stepping_batches)
        optimizer = AdamW(self.groups(), betas=self.betas)
        return {"optimizer": optimizer, "lr_scheduler": cosine_schedule(optimizer, steps, self.warmup)}

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self.validated = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Whole clips, judged as the detector will judge them, in single precision."""
        features = self.model.encode(batch)
        with torch.autocast(self.device.type, enabled=False):
            for row, length in enumerate(batch.valid_BT.sum(1).tolist()):
                scored = score_features(self.model, clip_features(features, row, length), SCORING)
                label = int(batch.label_B[row])
                self.validated.append(ClipLogits(batch.keys[row], batch.videos[row], label, scored.logits_K))

    def on_validation_epoch_end(self) -> None:
        """Log AUC, average precision and cross-entropy by video."""
        self.validated = sorted(gather(self.validated), key=lambda clip: clip.key)
        logits_N, labels_N = by_video(self.validated)
        values = {
            "auc": auc(logits_N, labels_N),
            "ap": average_precision(logits_N, labels_N),
            "ce": np.mean(np.logaddexp(0, logits_N) - labels_N * logits_N),
            "videos": len(labels_N),
            "clips_unjudged": sum(not len(clip.logits_K) for clip in self.validated),
        }
        self.log_dict({f"val/{name}": float(value) for name, value in values.items()}, prog_bar=True)

    def export(self, folder: Path) -> None:
        """The detector folder, with a calibration and a threshold fitted on the last validation."""
        logits_N, labels_N = by_video(self.validated)
        calibration = Calibration.fit(logits_N, labels_N)
        threshold = best_threshold(calibration.probabilities(logits_N), labels_N)
        settings = DetectorSettings(
            name=self.model.config.name, scoring=SCORING, calibration=calibration, threshold=threshold
        )
        training = {**self.hparams, "validation_videos": len(labels_N), "validation_auc": auc(logits_N, labels_N)}
        training |= splits_used(self.trainer)
        Detector(self.model, settings).save(folder, training)


def clip_features(features: Features, row: int, length: int) -> Features:
    """One clip out of a batch without its padding, (1, length, D), in single precision."""

    def cut(value: Tensor) -> Tensor:
        part = value[row : row + 1, :length]
        return part.float() if part.is_floating_point() else part

    return Features(**{field.name: cut(getattr(features, field.name)) for field in fields(features)})


def by_video(clips: list[ClipLogits]) -> tuple[np.ndarray, np.ndarray]:
    """The mean logit of each video's segments, and its label: fake where one of its clips is.

    A video none of whose clips has a segment to judge is not in it; a detector would abstain.
    """
    videos: dict[str, list[ClipLogits]] = defaultdict(list)
    for clip in clips:
        if len(clip.logits_K):
            videos[clip.video].append(clip)
    logits = [np.concatenate([clip.logits_K for clip in found]).mean() for found in videos.values()]
    labels = [max(clip.label for clip in found) for found in videos.values()]
    return np.array(logits), np.array(labels)
