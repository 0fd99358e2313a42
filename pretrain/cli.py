"""`python -m pretrain fit --config configs/pretrain/nano_synth.yaml`, also `npvf pretrain`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pretrain.command import Checkpoints, Export, run
from pretrain.data import TalkingFaces
from pretrain.module import PretrainModule


def main(argv: Sequence[str] | None = None) -> int:
    """Train an encoder; the result is `<run>/encoder`."""
    # The last weights: a cosine schedule ends best, and the best of many validations on few clips is luck.
    callbacks = [Checkpoints("val/retrieval_r1"), Export("encoder", "last")]
    return run(PretrainModule, TalkingFaces, "runs/pretrain", callbacks, sys.argv[1:] if argv is None else argv)
