"""Framewise similarity: the mean over frames of framewise cosines, between all pairs of segments or over lags.

One token a frame, compared frame by frame, is what makes contrastive learning work here; pooled embeddings do not.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

SHRINKAGE = 4


def pairwise_similarity(x_NSD: Tensor, y_MSD: Tensor, x_gate_NS: Tensor, y_gate_MS: Tensor) -> Tensor:
    """Mean framewise dot product of every pair of segments over the frames that both gates keep, shrunk towards 0.

    A pair that shares few frames has a noisy mean. So the sum over the n shared frames is divided by n + 4: a pair with
    one shared frame keeps a fifth of its value, a pair with 24 keeps six sevenths.

    Shape:
        x (N, S, D), y (M, S, D), gates (N, S) and (M, S) bool -> (N, M). Pairs that share no gated frame get 0.
    """
    x_gate_NS, y_gate_MS = x_gate_NS.to(x_NSD.dtype), y_gate_MS.to(y_MSD.dtype)
    x_NF = rearrange(x_NSD * x_gate_NS[..., None], "n s d -> n (s d)")
    y_MF = rearrange(y_MSD * y_gate_MS[..., None], "m s d -> m (s d)")
    return x_NF @ y_MF.T / (x_gate_NS @ y_gate_MS.T + SHRINKAGE)


def lag_similarity(v_NSD: Tensor, a_NSD: Tensor, gate_NS: Tensor, max_lag: int) -> Tensor:
    """Mean framewise dot product of picture t with sound t + lag, for lags -max_lag..max_lag.

    `gate_NS` belongs to the sound: a frame counts where its sound is gated and inside the segment.

    Shape:
        (N, S, D), (N, S, D), (N, S) -> (N, 2 max_lag + 1). Lags without a gated frame get 0.
    """
    S = v_NSD.shape[1]
    similarity_NSS = v_NSD @ rearrange(a_NSD, "n s d -> n d s")
    weight_NS = gate_NS.to(similarity_NSS.dtype)
    columns = []
    for lag in range(-max_lag, max_lag + 1):
        first, last = max(0, -lag), min(S, S - lag)
        weight = weight_NS[:, first + lag : last + lag]
        on_lag = torch.diagonal(similarity_NSS, offset=lag, dim1=1, dim2=2)
        columns.append((on_lag * weight).sum(1) / weight.sum(1).clamp_min(1))
    return torch.stack(columns, dim=1)
