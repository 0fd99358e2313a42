"""Turn segments into logits, from the agreement of lips and audio and from the fused streams."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from npvf.models.npv.similarity import lag_similarity

HeadKind = Literal["agreement", "residual", "paper"]


class DetectionHead(nn.Module):
    """The fake logit of a segment, as the sum of up to two parts.

    Args:
        kind: "agreement", ours: an `AgreementHead` alone. "residual", ours: the same plus a `FusedHead`. "paper": a
            `FusedHead` alone; the paper gives its input and the cross-entropy, the layers are our choice. With few
            people in training the fused streams know these people, and do not help with others.
        width: of the pooled fused streams: 4 D, or 2 D without a face stream.

    Shape:
        pooled fused streams (N, width), or None where the head does not look at them, projections (N, S, P) each, gate
        (N, S) -> (N,) logits.

    Raises:
        ValueError: an unknown kind.
    """

    def __init__(self, kind: HeadKind, width: int) -> None:
        super().__init__()
        if kind not in ("agreement", "residual", "paper"):
            raise ValueError(f"head must be 'agreement', 'residual' or 'paper', not {kind!r}")
        self.agreement = None if kind == "paper" else AgreementHead()
        self.fused = None if kind == "agreement" else FusedHead(width, residual=kind == "residual")

    @property
    def sees_streams(self) -> bool:
        """True if the head uses the fused streams; if not, the face tower and the awareness module are not needed."""
        return self.fused is not None

    def forward(self, pooled_NE: Tensor | None, z_v_NSP: Tensor, z_a_NSP: Tensor, gate_NS: Tensor) -> Tensor:
        parts = []
        if self.agreement is not None:
            parts.append(self.agreement(z_v_NSP, z_a_NSP, gate_NS))
        if self.fused is not None:
            parts.append(self.fused(pooled_NE))
        return torch.stack(parts).sum(0)


class AgreementHead(nn.Module):
    """The logit is `scale (reference - agreement)`, plus a correction that starts at 0.

    Agreement is the mean cosine of V and A over the segment's gated frames. So at the first step segments are ranked
    exactly as the encoder's agreement ranks them, and training can only add to that. The correction is a small network
    on 18 cosines: the mean at each lag of +-7 frames, and three low quantiles at lag 0.

    The cosines are multiplied by a constant. Batch statistics would tell a batch of genuine segments from one of
    forged ones, and a norm over the 18 values would take away their level.

    Shape:
        projections (N, S, P) each, gate (N, S) -> (N,) logits.
    """

    MAX_LAG = 7
    QUANTILES = (0.1, 0.25, 0.5)
    COSINE_SCALE = 5.0  # cosines of trained encoders deviate by some 0.2
    # Where training starts: between the agreement of genuine segments (about 0.5) and of forged ones (about 0.1).
    SCALE, REFERENCE = 10.0, 0.3

    def __init__(self, hidden: int = 64) -> None:
        super().__init__()
        values = 2 * self.MAX_LAG + 1 + len(self.QUANTILES)
        self.scale = nn.Parameter(torch.tensor(self.SCALE))
        self.reference = nn.Parameter(torch.tensor(self.REFERENCE))
        self.correction = nn.Sequential(nn.Linear(values, hidden), nn.GELU(), nn.Linear(hidden, 1))
        start_at_zero(self.correction[-1])

    def forward(self, z_v_NSP: Tensor, z_a_NSP: Tensor, gate_NS: Tensor) -> Tensor:
        lags_NL = lag_similarity(z_v_NSP, z_a_NSP, gate_NS, self.MAX_LAG)
        cosines_NC = torch.cat([lags_NL, self._low_quantiles(z_v_NSP, z_a_NSP, gate_NS)], dim=-1)
        correction_N = self.correction(self.COSINE_SCALE * cosines_NC).squeeze(-1)
        return self.scale * (self.reference - lags_NL[:, self.MAX_LAG]) + correction_N

    def _low_quantiles(self, z_v_NSP: Tensor, z_a_NSP: Tensor, gate_NS: Tensor) -> Tensor:
        """Return low quantiles of framewise agreement, (N, 3), over gated frames; without any, the mean over all."""
        framewise_NS = (z_v_NSP * z_a_NSP).sum(-1)
        known_NS = torch.where(gate_NS, framewise_NS, torch.nan)
        q = torch.tensor(self.QUANTILES, device=known_NS.device, dtype=known_NS.dtype)
        low_NQ = torch.nanquantile(known_NS, q, dim=1).T
        return torch.where(low_NQ.isnan(), framewise_NS.mean(1, keepdim=True), low_NQ)


class FusedHead(nn.Module):
    """LayerNorm, Linear, GELU, Dropout, Linear on the fused streams, pooled over the segment.

    Args:
        width: of the pooled streams.
        residual: start at 0, and in training leave out the whole part for a share of the segments, so that the
            agreement beside it has to do without.

    Shape:
        (N, width) -> (N,) logits.
    """

    LEFT_OUT = 0.5

    def __init__(self, width: int, residual: bool, hidden: int = 256, dropout: float = 0.3) -> None:
        super().__init__()
        self.residual = residual
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, 1)
        )
        if residual:
            start_at_zero(self.mlp[-1])

    def forward(self, pooled_NE: Tensor) -> Tensor:
        logit_N = self.mlp(pooled_NE).squeeze(-1)
        if self.residual and self.training:
            logit_N = logit_N * (torch.rand_like(logit_N) >= self.LEFT_OUT)
        return logit_N


def start_at_zero(layer: nn.Module) -> None:
    """Set weights and bias to 0, so that the part that ends with this layer adds nothing before training."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
