"""Face-audio InfoNCE: does this voice belong to this face? (section 3.4)"""

from __future__ import annotations

from torch import Tensor, nn

from npvf.losses.info_nce import symmetric_info_nce


class FaceAudioLoss(nn.Module):
    """InfoNCE between clip-pooled face and voice embeddings, B clips.

    The term is about identity, so two clips of one known person are not negatives of each other, and neither are two
    windows of one video (our reading). The loss of a batch that shows one person only is 0, since there
    is nothing to contrast.

    Args:
        temperature: tau.

    Examples:
        >>> import torch
        >>> loss = FaceAudioLoss()
        >>> person = torch.tensor([0, 1, 2])
        >>> bool(loss(torch.eye(3), torch.eye(3), person) < loss(torch.eye(3), torch.eye(3).roll(1, dims=0), person))
        True
        >>> float(loss(torch.eye(3), torch.eye(3), torch.zeros(3)))  # one person only
        0.0
    """

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, face_BD: Tensor, voice_BD: Tensor, identity_B: Tensor) -> Tensor:
        """
        Shape:
            face, voice: (B, D) unit vectors in S_fa; identity: (B,) long, equal for one person -> scalar.
        """
        same_BB = identity_B[:, None] == identity_B
        return symmetric_info_nce(face_BD @ voice_BD.T, same_BB, self.temperature)
