"""A frame classifier, the plain baseline, as a Lightning module: cross-entropy of single pictures of the face."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from finetune.module import VideoModule
from finetune.validation import clip_score, segment_labels
from npvf.detect.aggregate import DecisionSettings
from npvf.detect.fit_decision import LabelledScore
from npvf.evaluate.baselines.frames import SETTINGS, FramePredictor, picture_segments
from npvf.models import Batch, FrameClassifier
from npvf.training.optim import OptimConfig


class FrameModule(VideoModule):
    """A timm network, one logit a picture, and validation by video.

    Args:
        model: "frames_nano" or "frames_xception".
        model_args: overrides of the model's configuration.
        backbone_pretrained: start from timm's ImageNet weights, as deepfake baselines do.
        optim: optimiser and learning rate.
        seed: of dropout and drop-path. The command sets it to `seed_everything`.
    """

    run_folder: ClassVar[str] = "runs/baseline/frames"

    model: FrameClassifier

    def __init__(
        self,
        model: str = "frames_nano",
        model_args: dict[str, Any] | None = None,
        backbone_pretrained: bool = False,
        optim: OptimConfig = OptimConfig(),
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.model = FrameClassifier.create(model, backbone_pretrained=backbone_pretrained, **(model_args or {}))
        self.optim, self.seed = optim, seed

    def measure(self, clips: Batch, starts_BK: Tensor) -> dict[str, Tensor]:
        """Cross-entropy over all pictures of the windows; where forged spans are known, only theirs are fakes."""
        stride = self.model.config.inputs.face_stride
        valid_BF, forged_BF = (mask_BT[:, ::stride] for mask_BT in (clips.valid_BT, clips.forged_BT))
        logits_BF = self.model(clips.face_BTCHW)
        return {"loss": binary_cross_entropy_with_logits(logits_BF[valid_BF], forged_BF[valid_BF].float())}

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """The logits of whole clips' pictures."""
        stride = self.model.config.inputs.face_stride
        logits_BF = self.model(batch.face_BTCHW).float().cpu().numpy()
        valid_BF = batch.valid_BT[:, ::stride].cpu().numpy()
        for row, label in enumerate(batch.label_B.tolist()):
            length = int(batch.valid_BT[row].sum())
            logits, starts = picture_segments(logits_BF[row][valid_BF[row]], stride, length)
            score = clip_score(batch.keys[row], batch.videos[row], np.array(logits), np.array(starts))
            labels = segment_labels(batch.forged_BT[row, :length].cpu().numpy(), np.array(starts))
            self.validated.append(LabelledScore(score, label, batch.identities[row] or batch.videos[row], labels))

    @property
    def decision(self) -> DecisionSettings:
        """A frame classifier's own defaults."""
        return SETTINGS

    def predictor(self, decision: DecisionSettings) -> FramePredictor:
        """Return the predictor that `npvf evaluate --detector` loads."""
        return FramePredictor(self.model, decision)
