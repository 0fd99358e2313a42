"""Overlap of a soft mask with the true one."""

from __future__ import annotations

from torch import Tensor, nn


class TverskyLoss(nn.Module):
    """1 - TP / (TP + alpha FP + beta FN), computed from probabilities over all pixels of all frames of a clip.

    With alpha = beta = 1/2 it is the soft Dice loss, 1 - F1. True negatives do not count, so that few forged pixels
    have as much influence as many. Do not use it on clips without forged pixels.

    Args:
        alpha, beta: weights of false positives and of false negatives.
        smooth: pixels added to numerator and denominator; they keep a gradient where nothing overlaps yet.

    Shape:
        logits (B, ...), forged (B, ...) bool, ignored (B, ...) bool or None -> (B,). Ignored pixels do not count.

    Examples:
        >>> import torch
        >>> forged = torch.zeros(1, 10, 10, dtype=torch.bool)
        >>> forged[:, :2, :2] = True
        >>> found, missed = torch.where(forged, 20.0, -20.0), torch.full((1, 10, 10), -20.0)
        >>> [round(float(TverskyLoss()(logits, forged)), 2) for logits in (found, missed)]
        [0.0, 0.67]
    """

    def __init__(self, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0) -> None:
        super().__init__()
        self.alpha, self.beta, self.smooth = alpha, beta, smooth

    def forward(self, logits_B: Tensor, forged_B: Tensor, ignored_B: Tensor | None = None) -> Tensor:
        soft_BP, forged_BP = logits_B.flatten(1).sigmoid(), forged_B.flatten(1)
        if ignored_B is not None:
            counts_BP = ~ignored_B.flatten(1)
            soft_BP, forged_BP = soft_BP * counts_BP, forged_BP & counts_BP
        hit_B = (soft_BP * forged_BP).sum(1)
        false_B, missed_B = soft_BP.sum(1) - hit_B, forged_BP.sum(1) - hit_B
        return 1 - (hit_B + self.smooth) / (hit_B + self.alpha * false_B + self.beta * missed_B + self.smooth)
