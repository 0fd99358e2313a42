"""`python -m finetune fit --config configs/finetune/nano_synth.yaml`, also `npvf finetune`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from finetune.data import LabelledFaces
from finetune.module import DetectionModule
from pretrain.command import Stage, run

STAGE = Stage(
    module=DetectionModule,
    data=LabelledFaces,
    root="runs/finetune",
    monitor="val/auc",
    product="detector",
    export="best",  # fine-tuning overfits to people and forgers; validation sees others
)


def main(argv: Sequence[str] | None = None) -> int:
    """Train a detector; the result is `<run>/detector`."""
    return run(STAGE, sys.argv[1:] if argv is None else argv)
