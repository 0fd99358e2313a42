"""`python -m finetune fit --config configs/finetune/nano_synth.yaml`, also `npvf finetune`.

The class that the configuration names decides what is trained: `finetune.module.DetectionModule` makes NPV a detector,
`finetune.localization.LocalizationModule` makes ST-DDL a localizer, and `finetune.frames.FrameModule` trains a
baseline that looks at single frames.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from npvf.training.command import run


def main(argv: Sequence[str] | None = None) -> int:
    """Train a detector, `<run>/detector`, or a localizer, `<run>/localizer`."""
    return run(sys.argv[1:] if argv is None else argv)
