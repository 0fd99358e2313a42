"""AdamW's parameter groups and the learning rate over the steps of a run."""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, pi
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def parameter_groups(modules: Iterable[nn.Module], lr: float, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups: matrices and kernels, which decay, and vectors (norms, biases, scales), which do not."""
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for module in modules:
        for parameter in module.parameters():
            if parameter.requires_grad:
                (decayed if parameter.ndim > 1 else plain).append(parameter)
    return [
        {"params": decayed, "lr": lr, "weight_decay": weight_decay},
        {"params": plain, "lr": lr, "weight_decay": 0.0},
    ]


def cosine_schedule(optimizer: Optimizer, steps: int, warmup_share: float) -> dict[str, Any]:
    """Linear warm-up over the first share of the steps, then half a cosine down to 0; as Lightning wants it."""
    warmup = max(1, round(warmup_share * steps))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + cos(pi * (step - warmup) / max(1, steps - warmup)))

    return {"scheduler": LambdaLR(optimizer, factor), "interval": "step"}
