"""Cross-entropy over the pixels of a mask of which few are forged."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits


class BalancedBCE(nn.Module):
    """Binary cross-entropy of pixels with a larger weight for the rarer class of a clip, averaged over clips.

    In a clip of P pixels of which F are forged, the weight of a forged pixel is (P / 2F)^balance and that of a genuine
    one (P / 2(P - F))^balance, divided by the sum of all weights. With `balance=0` this is the plain cross-entropy,
    which soon ignores a forged mouth (a tenth of the crop). With `balance=1` both classes have equal total weight,
    which over-segments. A clip without forged pixels has the plain cross-entropy, which punishes false positives.
    With its forged version in the batch, a genuine clip is weighed by the mask of that version: each place then weighs
    the same in both, and a mask that only says where forgeries usually are gains nothing.
    ST-DDL's published code does not contain the losses; this one is our choice.

    Args:
        balance: the exponent, in [0, 1].

    Shape:
        logits (B, ...), forged (B, ...) bool, ignored (B, ...) bool or None, place (B, ...) bool or None -> (B,).
        Ignored pixels count neither in the loss nor in P and F. If `place` is given, F and the weights come from it
        instead of from `forged`.

    Examples:
        >>> forged = torch.zeros(1, 10, 10, dtype=torch.bool)
        >>> forged[:, :2, :2] = True
        >>> nothing_found = torch.full((1, 10, 10), -4.0)
        >>> plain, balanced = BalancedBCE(0.0), BalancedBCE(1.0)
        >>> [round(float(loss(nothing_found, forged)), 2) for loss in (plain, balanced)]  # 4 forged pixels of 100
        [0.18, 2.02]
    """

    def __init__(self, balance: float = 0.5) -> None:
        super().__init__()
        if not 0 <= balance <= 1:
            raise ValueError(f"balance must be in [0, 1], not {balance}")
        self.balance = balance

    def forward(
        self, logits_B: Tensor, forged_B: Tensor, ignored_B: Tensor | None = None, place_B: Tensor | None = None
    ) -> Tensor:
        logits_BP, target_BP = logits_B.flatten(1), forged_B.flatten(1).to(logits_B.dtype)
        place_BP = (forged_B if place_B is None else place_B).flatten(1)
        counts_BP = torch.ones_like(target_BP) if ignored_B is None else (~ignored_B.flatten(1)).to(logits_BP.dtype)
        pixels_B1 = counts_BP.sum(1, keepdim=True).clamp_min(1)
        share_B1 = (place_BP * counts_BP).sum(1, keepdim=True) / pixels_B1
        kind_BP = torch.where(place_BP, share_B1, 1 - share_B1)
        # A class whose pixels are all ignored has the share 0; its weight is not used.
        weight_BP = counts_BP * (2 * kind_BP.clamp_min(0.5 / pixels_B1)).pow(-self.balance)
        loss_BP = binary_cross_entropy_with_logits(logits_BP, target_BP, reduction="none")
        return (weight_BP * loss_BP).sum(1) / weight_BP.sum(1).clamp_min(torch.finfo(loss_BP.dtype).tiny)
