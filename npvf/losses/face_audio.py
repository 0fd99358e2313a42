"""Face-audio InfoNCE: does this voice belong to this face? (section 3.4)"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from npvf.losses.info_nce import symmetric_info_nce


class FaceAudioLoss(nn.Module):
    """InfoNCE between clip-pooled face and voice embeddings, B clips.

    The term is about identity, so two clips of one person are no negatives of each other where the person is known
    (our reading). A batch in which one person is all there is has nothing to contrast and costs 0.

    Args:
        temperature: tau.
    """

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(
        self, z_f_BTD: Tensor, z_a_BTD: Tensor, valid_BT: Tensor, identities: Sequence[str | None] | None = None
    ) -> Tensor:
        """
        Shape:
            z_f, z_a: (B, T, D) unit vectors in S_fa; valid: (B, T) bool -> scalar.
        """
        face_BD, voice_BD = _pool(z_f_BTD, valid_BT), _pool(z_a_BTD, valid_BT)
        same_BB = same_identity(identities or [None] * len(valid_BT)).to(valid_BT.device)
        return symmetric_info_nce(face_BD @ voice_BD.T, same_BB, self.temperature)


def same_identity(identities: Sequence[str | None]) -> Tensor:
    """(B, B) bool: pairs known to show one person. An unknown person is like nobody else."""
    pairs = [[a is not None and a == b for b in identities] for a in identities]
    return torch.tensor(pairs, dtype=torch.bool)


def _pool(z_BTD: Tensor, valid_BT: Tensor) -> Tensor:
    return nn.functional.normalize((z_BTD * valid_BT[..., None]).sum(1), dim=-1)
