"""The parts that both training stages share: data, command, optimiser, moving averages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.training.command import run
    from npvf.training.data import ClipData, ClipSelection, Loader, SegmentWindows
    from npvf.training.ema import EMA
    from npvf.training.module import TrainingModule
    from npvf.training.optim import OptimConfig

__all__ = [
    "EMA",
    "ClipData",
    "ClipSelection",
    "Loader",
    "OptimConfig",
    "SegmentWindows",
    "TrainingModule",
    "run",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "command": ["run"],
        "data": ["ClipData", "ClipSelection", "Loader", "SegmentWindows"],
        "ema": ["EMA"],
        "module": ["TrainingModule"],
        "optim": ["OptimConfig"],
    },
)
