"""`python -m pretrain fit --config configs/pretrain/nano_synth.yaml`, also `npvf pretrain`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from npvf.training.command import Stage, run
from pretrain.data import TalkingFaces
from pretrain.module import PretrainModule

STAGE = Stage(
    module=PretrainModule,
    data=TalkingFaces,
    root="runs/pretrain",
    monitor="val/retrieval_r1",
    product="encoder",
    export="last",  # a cosine schedule ends best, and the best of many validations on few clips is luck
)


def main(argv: Sequence[str] | None = None) -> int:
    """Train an encoder; the result is `<run>/encoder`."""
    return run(STAGE, sys.argv[1:] if argv is None else argv)
