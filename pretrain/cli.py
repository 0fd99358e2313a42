"""`python -m pretrain fit --config configs/pretrain/nano_synth.yaml`, also `npvf pretrain`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from npvf.training.command import run


def main(argv: Sequence[str] | None = None) -> int:
    """Train an encoder; the result is `<run>/encoder`."""
    return run(sys.argv[1:] if argv is None else argv)
