"""Stage 2 as a Lightning module: a pre-trained encoder (or a fresh one) becomes a detector."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from finetune.data import splits_used
from finetune.validation import clip_score, segment_labels, validation_record, video_metrics
from npvf.clip import FPS
from npvf.detect.aggregate import DecisionSettings
from npvf.detect.fit_decision import LabelledScore, fit_decision
from npvf.detect.predictor import Predictor
from npvf.detect.scoring import score_features
from npvf.detect.speech_detector import SpeechDetector, SpeechSettings
from npvf.errors import NpvfError
from npvf.losses import DetectionLosses, DetectionObjective
from npvf.models import NPV, Batch, Features
from npvf.models.npv.detection_head import FusedHead
from npvf.training.gather import gather
from npvf.training.module import TrainingModule
from npvf.training.optim import OptimConfig, parameter_groups

AWARENESS = ("awareness_va", "awareness_fa")
# Of the fused part of a residual head, ten times that of the rest: it may add to the agreement only what many people
# confirm. Our choice.
FUSED_WEIGHT_DECAY = 0.5


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class FineTuneOptim(OptimConfig):
    """AdamW with a rate for the head and a lower one for what pre-training found.

    Args:
        lr: peak rate of the detection head and the awareness module. For Swin-T 1e-4 is usual.
        weight_decay: see `OptimConfig`.
        betas: see `OptimConfig`.
        schedule: see `OptimConfig`.
        warmup: see `OptimConfig`.
        patience: see `OptimConfig`.
        backbone_lr: peak rate of the towers and projection heads. For Swin-T 1e-5 is usual; a third-party
            re-implementation of the paper has 1e-6.
        layer_decay: factor of the backbone's rate from each Swin block to the one before it; 1 is off. Layers near the
            pixels are the same for all tasks: 0.75 is usual for Swin.
    """

    backbone_lr: float = 1e-4
    layer_decay: float = 1.0


class VideoModule(TrainingModule):
    """A detector in training: validation by video, and a calibration and a threshold for what is exported.

    A subclass appends the `LabelledScore` of whole clips to `validated` in its `validation_step`.
    """

    monitor: ClassVar[str] = "val/auc"
    product: ClassVar[str] = "detector"
    run_folder: ClassVar[str] = "runs/finetune"

    def __init__(self) -> None:
        super().__init__()
        self.validated: list[LabelledScore] = []

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self.validated = []

    def on_validation_epoch_end(self) -> None:
        """Log AUC, average precision and cross-entropy by video."""
        self.validated = sorted(gather(self.validated), key=lambda clip: clip.score.key)
        values = video_metrics(self.validated, self.decision)
        self.log_dict({f"val/{name}": float(value) for name, value in values.items()}, prog_bar=True)

    def export(self, folder: Path) -> None:
        """The detector folder; everything between logits and a verdict is fitted on the last validation."""
        decision = fit_decision(self.validated, self.decision)
        training = {**self.settings(), **validation_record(self.validated, decision), **splits_used(self.trainer)}
        self.predictor(decision).save_pretrained(folder, training)

    @property
    @abstractmethod
    def decision(self) -> DecisionSettings:
        """The settings of the predictor before anything is fitted."""

    @abstractmethod
    def predictor(self, decision: Any) -> Predictor:
        """Return the predictor that is exported; `decision` is fitted."""


class DetectionModule(VideoModule):
    """NPV, its fine-tuning objective, and validation by video.

    Args:
        encoder: an encoder folder that pre-training wrote, or a hub repository; null trains from scratch.
        model: the model to create from scratch; ignored if there is an encoder.
        model_args: overrides of its configuration.
        objective: weights and settings of the losses.
        optim: optimiser and learning rates.
        freeze: train the head and the awareness module alone.
        compile: as in pre-training.
        seed: of dropout and drop-path. The command sets it to `seed_everything`.

    Raises:
        NpvfError: both an encoder and arguments of another model are given.
    """

    model: NPV

    def __init__(
        self,
        encoder: str | None = None,
        model: str = "npv_nano",
        model_args: dict[str, Any] | None = None,
        objective: DetectionLosses = DetectionLosses(),
        optim: FineTuneOptim = FineTuneOptim(),
        freeze: bool = False,
        compile: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if encoder is not None and model_args:
            raise NpvfError("model_args would change the encoder's network: give either an encoder or model_args")
        self.save_hyperparameters()
        self.model = NPV.create(model, **(model_args or {})) if encoder is None else NPV.from_pretrained(encoder)
        self.objective = DetectionObjective(objective)
        self.optim: FineTuneOptim = optim
        self.frozen, self.seed = freeze, seed
        if compile:
            self.compile_towers()
        if freeze:
            for module in self.backbone:
                module.requires_grad_(False)
        self.train()  # Lightning trains in the modes it finds; a loaded encoder is in evaluation mode

    @property
    def head(self) -> list[nn.Module]:
        """The modules that pre-training leaves untrained. The awareness module is trained with the head."""
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
        optim = self.optim
        residual = [part for part in self.model.head.children() if isinstance(part, FusedHead) and part.residual]
        others = [module for module in self.head if module not in residual]
        groups = parameter_groups(others, optim.lr, optim.weight_decay)
        groups += parameter_groups(residual, optim.lr, FUSED_WEIGHT_DECAY)
        if not self.frozen:
            groups += parameter_groups(self.backbone, optim.backbone_lr, optim.weight_decay, optim.layer_decay)
        return groups

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Whole clips, judged as the detector will judge them, in single precision."""
        features = self.model.encode(batch)
        with torch.autocast(self.device.type, enabled=False):
            for row, length in enumerate(batch.valid_BT.sum(1).tolist()):
                scored = score_features(self.model, clip_features(features, row, length), self.decision.scoring)
                speech = float(scored.gate_T.sum()) / FPS
                score = clip_score(batch.keys[row], batch.videos[row], scored.logits_K, scored.starts_K, speech)
                labels = segment_labels(batch.forged_BT[row, :length].cpu().numpy(), scored.starts_K)
                person = batch.identities[row] or batch.videos[row]
                self.validated.append(LabelledScore(score, int(batch.label_B[row]), person, labels))

    @property
    def decision(self) -> SpeechSettings:
        """A detector's own defaults."""
        return SpeechSettings(name=self.model.config.name)

    def predictor(self, decision: SpeechSettings) -> SpeechDetector:
        """The detector, which scores as validation did."""
        return SpeechDetector(self.model, decision)


def clip_features(features: Features, row: int, length: int) -> Features:
    """One clip out of a batch without its padding, (1, length, D), in single precision."""

    def cut(value: Tensor) -> Tensor:
        part = value[row : row + 1, :length]
        return part.float() if part.is_floating_point() else part

    return Features(**{field.name: cut(getattr(features, field.name)) for field in fields(features)})
