from .command import run as run
from .data import (
    ClipData as ClipData,
    ClipSelection as ClipSelection,
    Loader as Loader,
    SegmentWindows as SegmentWindows,
)
from .ema import EMA as EMA
from .module import TrainingModule as TrainingModule
from .optim import OptimConfig as OptimConfig
