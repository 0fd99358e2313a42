"""From a segment's fused streams to one logit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from npvf.models.npv.similarity import lag_similarity


class DetectionHead(nn.Module):
    """concat[pool X_va, pool X_fa', agreement] -> LayerNorm -> Linear -> GELU -> Dropout -> Linear.

    The pooled fused streams are the paper's input (the layers between are our choice, it gives only the cross-entropy).
    `agreement` is ours: how well V and A agree at every lag of +-max_lag frames, and on the worst sounds of
    the segment. A detector that has seen few people can rely on it where the fused features only know those people.

    Shape:
        fused streams (N, S, 2 D) each, projections (N, S, P) each, gate (N, S) -> (N,) logits.

    Args:
        width: of the fused streams together: 4 D, or 2 D without a face stream.
        fused, agreement: what the head sees.
    """

    def __init__(
        self, width: int, hidden: int = 256, dropout: float = 0.3, fused: bool = True, agreement: bool = True
    ) -> None:
        super().__init__()
        if not (fused or agreement):
            raise ValueError("the detection head needs the fused streams, the agreement, or both")
        self.fused, self.agreement = fused, agreement
        self.max_lag = 7
        self.quantiles = (0.1, 0.25, 0.5)
        parts = []
        if fused:
            self.norm = nn.LayerNorm(width)
            parts.append(width)
        if agreement:
            values = 2 * self.max_lag + 1 + len(self.quantiles)
            self.agreement_norm = nn.BatchNorm1d(values)
            parts.append(values)
        self.mlp = nn.Sequential(nn.Linear(sum(parts), hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, 1))

    def forward(self, va_NSD: Tensor, fa_NSD: Tensor, z_v_NSP: Tensor, z_a_NSP: Tensor, gate_NS: Tensor) -> Tensor:
        parts = []
        if self.fused:
            parts.append(self.norm(torch.cat([va_NSD.mean(1), fa_NSD.mean(1)], dim=-1)))
        if self.agreement:
            parts.append(self.agreement_norm(self._agreement(z_v_NSP, z_a_NSP, gate_NS)))
        return self.mlp(torch.cat(parts, dim=-1)).squeeze(-1)

    def _agreement(self, z_v_NSP: Tensor, z_a_NSP: Tensor, gate_NS: Tensor) -> Tensor:
        lags_NL = lag_similarity(z_v_NSP, z_a_NSP, gate_NS, self.max_lag)
        framewise_NS = (z_v_NSP * z_a_NSP).sum(-1)
        # Ungated frames take no part in the quantiles; a segment without any keeps its mean.
        known_NS = torch.where(gate_NS, framewise_NS, float("nan"))
        q = torch.tensor(self.quantiles, device=known_NS.device, dtype=known_NS.dtype)
        low_NQ = torch.nanquantile(known_NS, q, dim=1).T
        low_NQ = torch.where(low_NQ.isnan(), framewise_NS.mean(1, keepdim=True), low_NQ)
        return torch.cat([lags_NL, low_NQ], dim=-1)
