"""Symmetric InfoNCE on a matrix of similarities."""

from __future__ import annotations

import torch
from torch import Tensor


def symmetric_info_nce(similarity_NN: Tensor, excluded_NN: Tensor | None = None, temperature: float = 0.07) -> Tensor:
    """InfoNCE in both directions, summed (equation 4): row i and column i belong together.

    Args:
        similarity_NN: (N, N), cosine of video i and audio j.
        excluded_NN: (N, N) bool, pairs that do not count as negatives (near-duplicates); the diagonal always counts.
        temperature: tau.

    Raises:
        ValueError: a temperature that is not positive, a matrix that is not square.

    Examples:
        >>> right = torch.eye(4)  # each video is most similar to its own audio
        >>> bool(symmetric_info_nce(right) < symmetric_info_nce(right.flip(0)))
        True
        >>> round(float(symmetric_info_nce(torch.zeros(4, 4))), 4)  # 2 log 4: nothing is learnt yet
        2.7726
    """
    if temperature <= 0:
        raise ValueError(f"the temperature must be positive, not {temperature}")
    N, columns = similarity_NN.shape
    if columns != N:
        raise ValueError(f"similarities must be square, not {tuple(similarity_NN.shape)}")
    logits_NN = similarity_NN / temperature
    if excluded_NN is not None:
        diagonal_NN = torch.eye(N, dtype=torch.bool, device=logits_NN.device)
        logits_NN = logits_NN.masked_fill(excluded_NN & ~diagonal_NN, float("-inf"))
    target_N = torch.arange(N, device=logits_NN.device)
    cross_entropy = torch.nn.functional.cross_entropy
    return cross_entropy(logits_NN, target_N) + cross_entropy(logits_NN.T, target_N)
