"""AdamW's parameter groups and the learning rate over the steps of a run."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from math import cos, pi
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

BLOCK = re.compile(r"swin\.layers\.(\d+)\.(?:blocks\.(\d+)|downsample)\.")
STEM = re.compile(r"swin\.patch_embed\.|norm\.")  # `norm` of a sound tower is that of its input


def parameter_groups(
    modules: Iterable[nn.Module], lr: float, weight_decay: float, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """Matrices and kernels, which decay, apart from vectors (norms, biases, scales), which do not.

    Args:
        modules: whose parameters; those that are not trained are left out.
        lr: the rate at the output.
        weight_decay: of the first kind.
        layer_decay: factor of the rate from each Swin block to the one before it; 1 gives all the same rate.
    """
    groups: dict[tuple[int, bool], list[nn.Parameter]] = defaultdict(list)
    for module in modules:
        heights = block_heights([name for name, _ in module.named_parameters()])
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                groups[0 if layer_decay == 1 else heights[name], parameter.ndim == 1].append(parameter)
    return [
        {"params": found, "lr": lr * layer_decay**height, "weight_decay": 0.0 if vectors else weight_decay}
        for (height, vectors), found in sorted(groups.items(), key=lambda item: item[0])
    ]


def block_heights(names: list[str]) -> dict[str, int]:
    """How many steps each parameter of a tower lies before the output: 0 for the readout, 1 for the last Swin block.

    A stage's patch merging goes with its first block, what comes before the first block lies one step before it. A
    module that is no tower lies at the output as a whole.
    """
    places = {name: (int(found[1]), int(found[2] or 0)) for name in names if (found := BLOCK.match(name))}
    blocks = sorted(set(places.values()), reverse=True)
    steps = {name: 1 + blocks.index(place) for name, place in places.items()}
    return {name: steps.get(name, len(blocks) + 1 if blocks and STEM.match(name) else 0) for name in names}


def cosine_schedule(optimizer: Optimizer, steps: int, warmup_share: float) -> dict[str, Any]:
    """Linear warm-up over the first share of the steps, then half a cosine down to 0; as Lightning wants it."""
    warmup = max(1, round(warmup_share * steps))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + cos(pi * (step - warmup) / max(1, steps - warmup)))

    return {"scheduler": LambdaLR(optimizer, factor), "interval": "step"}
