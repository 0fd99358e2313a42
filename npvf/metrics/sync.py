"""Do pictures and sounds go together? Framewise similarity over lags, and retrieval among segments.

Similarity is the mean over frames of the framewise cosine. At offset d, picture t meets sound t + d: a positive best
offset says that the sound comes late. Only frames that both have count. A weight belongs to a frame of the *sound*,
since the gate is found from its phones.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

MIN_FRAMES = 8  # (weighted) frames below which a mean cosine is noise


def offset_curve(
    v_TD: Tensor, a_TD: Tensor, max_offset: int = 15, weights_T: Tensor | None = None, min_frames: float = MIN_FRAMES
) -> Tensor:
    """Mean framewise cosine of a picture and a sound at each offset from -max_offset to max_offset.

    Args:
        v_TD: (..., T, D) unit vectors of the picture.
        a_TD: (..., T', D) unit vectors of the sound; T' may differ from T.
        max_offset: in frames.
        weights_T: (..., T') of the sound's frames, such as the phone gate; None: all count.
        min_frames: overlap (sum of weights) below which an offset's value is NaN.

    Returns:
        (..., 2 max_offset + 1).

    Examples:
        >>> noise = torch.randn(50, 64, generator=torch.Generator().manual_seed(0))
        >>> lips = torch.nn.functional.normalize(noise, dim=-1)
        >>> late = lips.roll(3, dims=0)  # the audio comes 3 frames late
        >>> int(best_offset(offset_curve(lips, late, max_offset=5)))
        3
    """
    T, lags = v_TD.shape[-2], 2 * max_offset + 1
    weights_T = a_TD.new_ones(a_TD.shape[:-1]) if weights_T is None else weights_T.to(a_TD.dtype)
    # Sound frames that do not exist weigh nothing; with them, every picture frame t has its lags at t ... t + lags - 1.
    beyond = (max_offset, max_offset + max(0, T - a_TD.shape[-2]))
    weights_P = pad(weights_T, beyond)
    similarity_TP = v_TD @ pad(a_TD * weights_T[..., None], (0, 0, *beyond)).mT
    P = weights_P.shape[-1]
    # Rows one longer than they are, so that each starts a step further: the diagonals become columns.
    skewed_TP = pad(similarity_TP.flatten(-2), (0, T)).unflatten(-1, (T, P + 1))
    total_L = weights_P.unfold(-1, T, 1).sum(-1)[..., :lags]
    return (skewed_TP[..., :lags].sum(-2) / total_L).masked_fill(total_L < min_frames, torch.nan)


def best_offset(curve_L: Tensor) -> Tensor:
    """The offset, in frames, at which a curve of `offset_curve` (..., L) is highest.

    Of tied ones the farthest from 0: a flat curve, such as collapsed features give, must not pass for synchrony.

    Raises:
        ValueError: a value is NaN: the clip is too short (or too little of it is gated) for the search.
    """
    if curve_L.isnan().any():
        raise ValueError("the overlap is too short at some offsets: take a longer clip or a smaller max_offset")
    reach = curve_L.shape[-1] // 2
    farthest_first = sorted(range(-reach, reach + 1), key=abs, reverse=True)
    offset_L = torch.tensor(farthest_first, device=curve_L.device)
    return offset_L[curve_L[..., offset_L + reach].argmax(-1)]  # argmax takes the first of tied ones


def segment_similarity(v_NSD: Tensor, a_NSD: Tensor, weights_NS: Tensor | None = None) -> Tensor:
    """Mean framewise cosine of picture i and sound j, all pairs of N segments: (N, N).

    Raises:
        ValueError: a sound without any weight.
    """
    weights_NS = a_NSD.new_ones(a_NSD.shape[:2]) if weights_NS is None else weights_NS.to(a_NSD.dtype)
    total_N = weights_NS.sum(1)
    if (total_N <= 0).any():
        raise ValueError(f"{int((total_N <= 0).sum())} segments have no frame inside the gate")
    return v_NSD.flatten(1) @ (a_NSD * weights_NS[..., None]).flatten(1).T / total_N


def retrieval_hits(similarity_NN: Tensor) -> Tensor:
    """Per segment, is its own partner the most similar? (2, N): sound for a picture, picture for a sound.

    Of k tied best ones the true one counts 1 / k, so a collapsed model scores chance, 1 / N.
    """
    own_N = similarity_NN.diagonal()
    hits = []
    for table_NN in (similarity_NN, similarity_NN.T):
        best_N = table_NN.amax(1)
        tied_N = (table_NN == best_N[:, None]).sum(1)
        hits.append((own_N == best_N).double() / tied_N)
    return torch.stack(hits)
