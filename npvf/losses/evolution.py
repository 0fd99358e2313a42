"""Evolution-consistency loss: do lips and sound change together on the gated frames? (section 3.2, equations 4 to 8)"""

from __future__ import annotations

from torch import Tensor, nn

from npvf.losses.info_nce import symmetric_info_nce
from npvf.models.npv.similarity import pairwise_similarity


class EvolutionConsistencyLoss(nn.Module):
    """Contrastive loss between the viseme and the audio stream of N segments, compared frame by frame.

        L_EC = features_weight * NCE(s(z_v, z_a)) + difference_weight * NCE(s(d_v, d_a)),   d_t = z_{t+1} - z_t

    with s the mean cosine over frames that both segments' gates keep, and NCE summed over both directions. The
    contrastive form, the cosine and tau are the paper's; framewise comparison in place of pooled vectors, and the
    temporal-difference term that honours "evolution", are our reading.

    Args:
        temperature: tau.
        features_weight, difference_weight: weights of the two terms; 0 switches one off.

    Raises:
        ValueError: both weights are 0.

    Examples:
        >>> import torch
        >>> lips = nn.functional.normalize(torch.randn(8, 24, 64), dim=-1)  # 8 segments of 24 frames
        >>> gate = torch.ones(8, 24, dtype=torch.bool)
        >>> loss = EvolutionConsistencyLoss()
        >>> bool(loss(lips, lips, gate) < loss(lips, lips.roll(1, dims=0), gate))  # its own audio, another segment's
        True
    """

    def __init__(self, temperature: float = 0.07, features_weight: float = 1.0, difference_weight: float = 0.5) -> None:
        super().__init__()
        if not (features_weight or difference_weight):
            raise ValueError("the evolution loss needs its features, its differences, or both")
        self.temperature = temperature
        self.features_weight = features_weight
        self.difference_weight = difference_weight

    def forward(self, z_v_NSD: Tensor, z_a_NSD: Tensor, gate_NS: Tensor, excluded_NN: Tensor | None = None) -> Tensor:
        """
        Shape:
            z_v, z_a: (N, S, D) unit vectors; gate: (N, S) bool; excluded: (N, N) bool -> scalar.
        """
        loss = z_v_NSD.new_zeros(())
        if self.features_weight:
            similarity_NN = pairwise_similarity(z_v_NSD, z_a_NSD, gate_NS, gate_NS)
            loss = loss + self.features_weight * symmetric_info_nce(similarity_NN, excluded_NN, self.temperature)
        if self.difference_weight:
            both_NS = gate_NS[:, 1:] & gate_NS[:, :-1]
            similarity_NN = pairwise_similarity(evolution(z_v_NSD), evolution(z_a_NSD), both_NS, both_NS)
            loss = loss + self.difference_weight * symmetric_info_nce(similarity_NN, excluded_NN, self.temperature)
        return loss


def evolution(z_NSD: Tensor) -> Tensor:
    """Unit temporal differences: (N, S, D) -> (N, S - 1, D)."""
    return nn.functional.normalize(z_NSD[:, 1:] - z_NSD[:, :-1], dim=-1, eps=1e-4)
