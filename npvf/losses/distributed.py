"""Every rank's rows on every rank, with exact gradients: contrastive losses want more negatives than one GPU holds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


def gather_rows(*tensors: Tensor) -> list[Tensor]:
    """Each tensor's rows of all W ranks, in the order of the ranks; without other ranks the tensors themselves.

    A loss of gathered rows has the same value on all ranks, that of one process with the whole batch. Its gradient
    with respect to one rank's rows is complete on that rank, so the backward pass communicates nothing: it takes its
    own rows, times W, because DistributedDataParallel then averages the parameters' gradients over W ranks:

        1/W sum_r W dL/dz_r dz_r/dtheta = dL/dtheta

    This holds as long as every rank computes the same loss of what was gathered. It computes the similarities W times
    over, which is nothing beside the towers.

    Args:
        tensors: (N, ...) each, of one N on a rank; N may differ between ranks, also be 0.

    Returns:
        (sum of N, ...) each.
    """
    if not is_distributed():
        return list(tensors)
    sizes = rank_sizes(len(tensors[0]), tensors[0].device)
    return [_GatherRows.apply(tensor, sizes) for tensor in tensors]


def is_distributed() -> bool:
    """True if there are other ranks."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def rank_sizes(size: int, device: torch.device) -> list[int]:
    """Every rank's `size`."""
    sizes = [torch.zeros(1, dtype=torch.long, device=device) for _ in range(distributed.get_world_size())]
    distributed.all_gather(sizes, torch.tensor([size], device=device))
    return [int(n) for n in torch.cat(sizes)]


class _GatherRows(torch.autograd.Function):
    """(N, ...) of one rank to (sum of N, ...)."""

    @staticmethod
    def forward(ctx: Any, x_N: Tensor, sizes: list[int]) -> Tensor:
        ctx.sizes = sizes
        largest = max(sizes)
        sent_N = x_N.new_zeros(largest, *x_N.shape[1:])
        sent_N[: len(x_N)] = x_N
        received = [torch.empty_like(sent_N) for _ in sizes]
        distributed.all_gather(received, sent_N)
        return torch.cat([part[:size] for part, size in zip(received, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        own = gradients[0].split(ctx.sizes)[distributed.get_rank()]
        return own * len(ctx.sizes), None
