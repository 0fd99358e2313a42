"""Gradient caching (Gao et al., 2021): a contrastive batch of any size in the memory of a few clips.

Clips meet only in the loss. So the network runs over some clips at a time and keeps no activations, only the
representations of all clips, which are small; the loss of these gives their gradients; and in the backward pass the
network runs over the same clips once more, chunk by chunk, to carry the gradients on to the weights. That is what a
checkpoint does, one a chunk: everything around `backward` (clipping, precision, schedules, other ranks) stays as it is.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from torch import Tensor
from torch.utils.checkpoint import checkpoint

from npvf.losses import NPVObjective
from npvf.losses.representations import Representations
from npvf.models import NPV, Batch
from npvf.models.checkpointing import frozen_statistics


def represent_in_chunks(
    objective: NPVObjective, model: NPV, batch: Batch, starts_BK: Tensor, chunk_clips: int
) -> Representations:
    """`objective.represent` with the gradients of the whole batch and the memory of `chunk_clips` clips.

    Dropout and drop-path draw the same in both passes. Batch norms see a chunk in place of the batch, in both passes,
    and count it once; without batch norms (or in evaluation mode) the gradients are those of the plain batch. The price
    is a second forward pass, a third of a step; a batch that is one chunk does not pay it.
    """
    if len(batch) <= chunk_clips:
        return objective.represent(model, batch, starts_BK)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), frozen_statistics(model)

    chunks = [slice(first, first + chunk_clips) for first in range(0, len(batch), chunk_clips)]
    parts = [
        checkpoint(
            objective.represent, model, batch.rows(rows), starts_BK[rows], use_reentrant=False, context_fn=contexts
        )
        for rows in chunks
    ]
    return Representations.joined(parts)
