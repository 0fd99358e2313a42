"""Cross-entropy over the pixels of a mask of which few are forged."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits


class BalancedBCE(nn.Module):
    """Binary cross-entropy by pixel, the rarer kind of pixel in a clip weighing more, averaged over clips.

    In a clip of P pixels of which F are forged, a forged pixel weighs (P / 2F)^balance and a genuine one
    (P / 2(P - F))^balance, over the sum of all weights. So 0 is the plain cross-entropy, with which a mouth, a tenth of
    the crop, is soon ignored; with 1 both kinds weigh a half, and the mask grows fat, as too much costs so little. A
    clip without forged pixels has plain cross-entropy: it is there for the false positives. Of losses the paper's code
    says nothing.

    Args:
        balance: the exponent, in [0, 1].

    Shape:
        logits (B, ...), forged (B, ...) bool, ignored (B, ...) bool or None -> (B,). Ignored pixels count for nothing,
        P and F included.
    """

    def __init__(self, balance: float = 0.5) -> None:
        super().__init__()
        if not 0 <= balance <= 1:
            raise ValueError(f"balance must be in [0, 1], not {balance}")
        self.balance = balance

    def forward(self, logits_B: Tensor, forged_B: Tensor, ignored_B: Tensor | None = None) -> Tensor:
        logits_BP, forged_BP = logits_B.flatten(1), forged_B.flatten(1)
        target_BP = forged_BP.to(logits_BP.dtype)
        counts_BP = torch.ones_like(target_BP) if ignored_B is None else (~ignored_B.flatten(1)).to(logits_BP.dtype)
        pixels_B1 = counts_BP.sum(1, keepdim=True).clamp_min(1)
        share_B1 = (target_BP * counts_BP).sum(1, keepdim=True) / pixels_B1
        kind_BP = torch.where(forged_BP, share_B1, 1 - share_B1)
        # A kind of which every pixel is ignored has the share 0; its weight is not used.
        weight_BP = counts_BP * (2 * kind_BP.clamp_min(0.5 / pixels_B1)).pow(-self.balance)
        loss_BP = binary_cross_entropy_with_logits(logits_BP, target_BP, reduction="none")
        return (weight_BP * loss_BP).sum(1) / weight_BP.sum(1).clamp_min(torch.finfo(loss_BP.dtype).tiny)
