"""Activation checkpointing: a block's activations are computed again in the backward pass instead of being kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from timm.models.swin_transformer import SwinTransformer, SwinTransformerStage
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def checkpoint_blocks(swin: SwinTransformer) -> SwinTransformer:
    """Make every block of `swin` a checkpoint, in place. Names of weights stay, and so does every value:
    the second pass draws the same dropped paths and leaves running statistics alone."""
    for stage in swin.layers.children():
        assert isinstance(stage, SwinTransformerStage)
        stage.blocks = CheckpointedSequence(*stage.blocks.children())
    return swin


class CheckpointedSequence(nn.Sequential):
    """`nn.Sequential` that keeps only the inputs of its modules for the backward pass."""

    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return super().forward(x)
        for module in self:
            if torch.compiler.is_compiling():
                # A compiled graph is functional: nothing to suppress in its second pass, and no contexts taken.
                x = checkpoint(module, x, use_reentrant=False)
            else:
                x = checkpoint(module, x, use_reentrant=False, context_fn=_Contexts(module))
        return x


class _Contexts:
    """The contexts of a module's first and second pass."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), frozen_statistics(self.module)


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Batch norms normalise as they do in training, without counting the batch into their running statistics.

    For the second pass over a batch that was counted already.
    """
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked = norm.num_batches_tracked.clone()  # SyncBatchNorm refuses None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
