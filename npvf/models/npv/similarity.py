"""Framewise similarity: the mean over frames of framewise cosines, between all pairs of segments or over lags.

One token a frame, compared frame by frame, is what makes contrastive learning work here; pooled embeddings do not.
"""

from __future__ import annotations

import torch
from torch import Tensor


def pairwise_similarity(x_NSD: Tensor, y_MSD: Tensor, x_gate_NS: Tensor, y_gate_MS: Tensor) -> Tensor:
    """Mean framewise dot product of every pair of segments over the frames that both gates keep.

    Shape:
        x (N, S, D), y (M, S, D), gates (N, S) and (M, S) bool -> (N, M). Pairs that share no gated frame get 0.
    """
    x_gate_NS, y_gate_MS = x_gate_NS.to(x_NSD.dtype), y_gate_MS.to(y_MSD.dtype)
    total_NM = (x_NSD * x_gate_NS[..., None]).flatten(1) @ (y_MSD * y_gate_MS[..., None]).flatten(1).T
    return total_NM / (x_gate_NS @ y_gate_MS.T).clamp_min(1)


def lag_similarity(v_NSD: Tensor, a_NSD: Tensor, gate_NS: Tensor, max_lag: int) -> Tensor:
    """Mean framewise dot product of picture t with sound t + lag, for lags -max_lag..max_lag.

    `gate_NS` belongs to the sound: a frame counts where its sound is gated and inside the segment.

    Shape:
        (N, S, D), (N, S, D), (N, S) -> (N, 2 max_lag + 1). Lags without a gated frame get 0.
    """
    S = v_NSD.shape[1]
    similarity_NSS = v_NSD @ a_NSD.transpose(1, 2)
    weight_NS = gate_NS.to(similarity_NSS.dtype)
    columns = []
    for lag in range(-max_lag, max_lag + 1):
        first, last = max(0, -lag), min(S, S - lag)
        weight = weight_NS[:, first + lag : last + lag]
        on_lag = torch.diagonal(similarity_NSS, offset=lag, dim1=1, dim2=2)
        columns.append((on_lag * weight).sum(1) / weight.sum(1).clamp_min(1))
    return torch.stack(columns, dim=1)
