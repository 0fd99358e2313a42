"""A frame classifier, the plain baseline, as a Lightning module: cross-entropy of single pictures of the face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import AdamW

from finetune.module import ClipLogits, by_video
from npvf.detect.calibration import Calibration, best_threshold
from npvf.evaluate.baselines.frames import FrameScorer, FrameSettings
from npvf.metrics.detection import auc, average_precision
from npvf.models import Batch, FrameClassifier
from npvf.training.gather import gather
from npvf.training.module import TrainingModule
from npvf.training.optim import cosine_schedule, parameter_groups


class FrameModule(TrainingModule):
    """A timm network, one logit a picture, and validation by video.

    Args:
        model, model_args: what to create, `frames_nano` or `frames_xception`, and overrides of its configuration.
        imagenet: start from timm's ImageNet weights, as deepfake baselines do.
        lr: peak rate of AdamW.
        weight_decay, betas, warmup, seed: as in pre-training.
    """

    model: FrameClassifier

    def __init__(
        self,
        model: str = "frames_nano",
        model_args: dict[str, Any] | None = None,
        imagenet: bool = False,
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        betas: tuple[float, float] = (0.9, 0.98),
        warmup: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.model = FrameClassifier.create(model, pretrained=imagenet, **(model_args or {}))
        self.lr, self.weight_decay, self.betas, self.warmup, self.seed = lr, weight_decay, betas, warmup, seed
        self.validated: list[ClipLogits] = []

    def configure_optimizers(self) -> Any:
        """AdamW, warm-up and half a cosine over all steps of the run."""
        optimizer = AdamW(parameter_groups([self.model], self.lr, self.weight_decay), betas=self.betas)
        steps = int(self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": cosine_schedule(optimizer, steps, self.warmup)}

    def measure(self, clips: Batch, starts_BK: Tensor) -> dict[str, Tensor]:
        """Cross-entropy over all pictures of the windows; where forged spans are known, only theirs are fakes."""
        stride = self.model.config.inputs.face_stride
        valid_BF, forged_BF = (mask_BT[:, ::stride] for mask_BT in (clips.valid_BT, clips.forged_BT))
        logits_BF = self.model(clips.face_BTCHW)
        return {"loss": binary_cross_entropy_with_logits(logits_BF[valid_BF], forged_BF[valid_BF].float())}

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self.validated = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """The logits of whole clips' pictures."""
        stride = self.model.config.inputs.face_stride
        logits_BF = self.model(batch.face_BTCHW).float().cpu().numpy()
        valid_BF = batch.valid_BT[:, ::stride].cpu().numpy()
        for row, label in enumerate(batch.label_B.tolist()):
            logits_F = logits_BF[row][valid_BF[row]]
            self.validated.append(ClipLogits(batch.keys[row], batch.videos[row], label, logits_F))

    def on_validation_epoch_end(self) -> None:
        """Log AUC and average precision by video."""
        self.validated = sorted(gather(self.validated), key=lambda clip: clip.key)
        logits_N, labels_N = by_video(self.validated)
        values = {"auc": auc(logits_N, labels_N), "ap": average_precision(logits_N, labels_N), "videos": len(labels_N)}
        self.log_dict({f"val/{name}": float(value) for name, value in values.items()}, prog_bar=True)

    def export(self, folder: Path) -> None:
        """The folder that `npvf evaluate --detector` takes, calibrated on the last validation."""
        logits_N, labels_N = by_video(self.validated)
        calibration = Calibration.fit(logits_N, labels_N)
        threshold = best_threshold(calibration.probabilities(logits_N), labels_N)
        training = {**self.hparams, "validation_videos": len(labels_N), "validation_auc": auc(logits_N, labels_N)}
        FrameScorer(self.model, FrameSettings(calibration, threshold)).save(folder, training)
