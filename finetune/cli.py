"""`python -m finetune fit --config configs/finetune/nano_synth.yaml`, also `npvf finetune`.

The model that the configuration names decides what is trained: NPV to a detector, ST-DDL to a localizer, a timm
network to the baseline that looks at single frames.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import yaml

from finetune.data import LabelledFaces
from finetune.frames import FrameModule
from finetune.localization import LocalizationModule
from finetune.localization_data import LocatedFaces
from finetune.module import DetectionModule
from npvf.models.registry import model_config
from npvf.training.command import Stage, run

STAGES = {
    "npv": Stage(
        module=DetectionModule,
        data=LabelledFaces,
        root="runs/finetune",
        monitor="val/auc",
        product="detector",
        export="best",  # fine-tuning overfits to people and forgers; validation sees others
    ),
    "stddl": Stage(
        module=LocalizationModule,
        data=LocatedFaces,
        root="runs/localize",
        monitor="val/score",
        product="localizer",
        export="best",
    ),
    "frames": Stage(
        module=FrameModule,
        data=LabelledFaces,
        root="runs/baseline/frames",
        monitor="val/auc",
        product="detector",
        export="best",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Train a detector, `<run>/detector`, or a localizer, `<run>/localizer`."""
    args = sys.argv[1:] if argv is None else list(argv)
    return run(STAGES[family(args)], args)


def family(args: Sequence[str]) -> str:
    """The family of the model that `--model.model` names, or the last `--config` that names one; else "npv"."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config", action="append", type=Path, default=[])
    parser.add_argument("--model.model", dest="name")
    asked, _ = parser.parse_known_args(args)
    contents = [yaml.safe_load(path.read_text()) for path in asked.config if path.is_file()]
    names = [content["model"].get("model") for content in contents if content and content.get("model")]
    named = [name for name in [*names, asked.name] if name]
    return model_config(named[-1]).family if named else "npv"
