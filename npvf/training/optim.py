"""The optimiser of a training run: AdamW's parameter groups, and the learning rate over the steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, ReduceLROnPlateau, SequentialLR

from npvf.errors import NpvfError

Schedule = Literal["cosine", "plateau"]


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class OptimConfig:
    """AdamW and the schedule of its learning rate.

    Args:
        lr: peak learning rate.
        weight_decay: not applied to norms and biases; 0 is plain Adam.
        betas: of AdamW.
        schedule: "cosine" warms up and falls to 0 along half a cosine over all steps of the run; "plateau" halves the
            rate when `val/loss` has not fallen for `patience` validations.
        warmup: share of the steps in which the rate of "cosine" rises.
        patience: validations that "plateau" waits for.
    """

    lr: float = 1e-3
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    schedule: Schedule = "cosine"
    warmup: float = 0.1
    patience: int = 3


def parameter_groups(
    modules: Iterable[nn.Module], lr: float, weight_decay: float, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """Groups with a rate and a weight decay each; vectors and scalars (norms, biases, scales) are not decayed.

    Args:
        modules: modules to train; parameters that do not require a gradient are left out.
        lr: the rate of a module's last layer.
        weight_decay: of matrices and kernels.
        layer_decay: factor of the rate from each layer to the one before it, in modules that say what their layers are
            (timm's `group_matcher`); the others have the same rate in all layers. 1 switches it off.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for module in modules:
        if layer_decay != 1 and hasattr(module, "group_matcher"):
            found = param_groups_layer_decay(module, weight_decay, layer_decay=layer_decay)
        else:
            found = param_groups_weight_decay(module, weight_decay)
        for group in found:
            groups[lr * group.get("lr_scale", 1.0), group["weight_decay"]] += group["params"]
    return [
        {"params": params, "lr": rate, "weight_decay": decay}
        for (rate, decay), params in sorted(groups.items(), key=lambda item: item[0], reverse=True)
    ]


def cosine_schedule(optimizer: Optimizer, steps: float, warmup: float) -> LRScheduler:
    """Linear warm-up over a share of the steps, then half a cosine down to 0 after the last step.

    Raises:
        NpvfError: the number of steps is not known.
    """
    if steps < 1 or not isfinite(steps):
        raise NpvfError(
            "the number of training steps is not known, and the learning rate depends on it: set trainer.max_epochs or "
            "trainer.max_steps"
        )
    rising = max(1, round(warmup * steps))
    warm = LinearLR(optimizer, start_factor=1 / rising, total_iters=rising - 1)
    fall = CosineAnnealingLR(optimizer, T_max=max(1, int(steps) - rising))
    return SequentialLR(optimizer, [warm, fall], milestones=[rising])


def lightning_schedule(optimizer: Optimizer, config: OptimConfig, steps: float, validate_every: int) -> dict[str, Any]:
    """The schedule of a configuration, as Lightning's `configure_optimizers` returns it.

    Args:
        optimizer: whose rates change.
        config: which schedule.
        steps: optimiser steps of the whole run.
        validate_every: epochs from one validation to the next.
    """
    if config.schedule == "cosine":
        return {"scheduler": cosine_schedule(optimizer, steps, config.warmup), "interval": "step"}
    halving = ReduceLROnPlateau(optimizer, factor=0.5, patience=config.patience)
    return {"scheduler": halving, "monitor": "val/loss", "frequency": validate_every}
