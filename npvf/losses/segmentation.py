"""The objective of ST-DDL: a verdict and a mask, each on the clips of which it is known."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from npvf.clip import FAKE
from npvf.losses.balanced_bce import BalancedBCE
from npvf.losses.tversky import TverskyLoss
from npvf.models.stddl.face_batch import FaceBatch
from npvf.models.stddl.stddl import STDDL, STDDLOutput


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class LocalizationLosses:
    """Weights and settings of `LocalizationObjective`. The paper publishes no weights; the defaults are our choice.

    Args:
        video_weight: weight of L_video; 0 switches the term off, here and below.
        mask_weight: weight of L_mask.
        overlap_weight: weight of L_overlap.
        balance: see `BalancedBCE`.
        alpha: see `TverskyLoss`.
        beta: see `TverskyLoss`.
    """

    video_weight: float = 1.0
    mask_weight: float = 1.0
    overlap_weight: float = 1.0
    balance: float = 0.5
    alpha: float = 0.5
    beta: float = 0.5


class LocalizationObjective(nn.Module):
    """L = video_weight L_video + mask_weight L_mask + overlap_weight L_overlap.

    L_video is the cross-entropy of a clip's logit, the mean over its frames, on clips with a known label. L_mask
    (`BalancedBCE`) runs over the clips with a known mask, including real ones, whose mask is empty. L_overlap
    (`TverskyLoss`) runs over those of them that have forged pixels. A clip without a known mask counts in L_video only.
    Both mask terms leave out pixels that the forgery hardly changes (`FaceBatch.faint_BTHW`). A genuine window weighs
    as much as a forged one; if its forged version is in the batch, each of its pixels does (`FaceBatch.twin_BTHW`).
    The last frame of a window is not judged, since it has no next frame.

    Args:
        losses: weights and settings; None: the defaults.
    """

    def __init__(self, losses: LocalizationLosses | None = None) -> None:
        super().__init__()
        losses = losses or LocalizationLosses()
        self.weights = {"video": losses.video_weight, "mask": losses.mask_weight, "overlap": losses.overlap_weight}
        self.mask = BalancedBCE(losses.balance)
        self.overlap = TverskyLoss(losses.alpha, losses.beta)

    def forward(self, model: STDDL, batch: FaceBatch) -> dict[str, Tensor]:
        """The weighted "loss" and each term."""
        return self.compare(model(batch.frames_BTCHW, batch.landmarks_BTN2, batch.motion_BTCHW), batch)

    def compare(self, out: STDDLOutput, batch: FaceBatch) -> dict[str, Tensor]:
        """Return the same as `forward`, from the output of the model; in single precision, also under autocast."""
        with torch.autocast(out.logits_B.device.type, enabled=False):
            logits_B, mask_logits_BTHW = out.logits_B.float(), out.mask_logits_BTHW.float()
            judged = slice(mask_logits_BTHW.shape[1])
            mask_BTHW = batch.mask_BTHW[:, judged]
            faint_BTHW = None if batch.faint_BTHW is None else batch.faint_BTHW[:, judged]
            place_BTHW = None if batch.twin_BTHW is None else mask_BTHW | batch.twin_BTHW[:, judged]
            known_B = batch.mask_known_B
            forged_B = known_B & mask_BTHW.flatten(1).any(1)
            terms = {
                "video": _video_loss(logits_B, batch.label_B),
                "mask": _mean(self.mask(mask_logits_BTHW, mask_BTHW, faint_BTHW, place_BTHW), known_B),
                "overlap": _mean(self.overlap(mask_logits_BTHW, mask_BTHW, faint_BTHW), forged_B),
            }
            loss = torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()
        return {"loss": loss, **terms}


def _video_loss(logits_B: Tensor, label_B: Tensor) -> Tensor:
    loss_B = binary_cross_entropy_with_logits(logits_B, (label_B == FAKE).float(), reduction="none")
    return _mean(loss_B, label_B >= 0)


def _mean(loss_B: Tensor, counts_B: Tensor) -> Tensor:
    """Over the clips that count; 0, with gradients of 0, where none does: other ranks wait for every gradient."""
    return (loss_B * counts_B).sum() / counts_B.sum().clamp_min(1)
