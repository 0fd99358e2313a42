"""Measure the contribution of each part of NPV: gates, ablations, held-out forgeries, over seeds, with one budget.

    npvf demo --out runs/demo
    npvf synth runs/study/real --clips 24 --people 100-123 --split test=100-123 --seed 11
    npvf forge runs/study/real runs/study/forged --copies --kinds sound_swap,sound_shift,calibrated --seed 11
    npvf prepare runs/study/forged runs/study/test
    python benchmarks/study.py runs/demo runs/study/test --out runs/study --seeds 0 1 2

Pre-trains and fine-tunes every variant on the demo's corpora, measures on people that no step has seen, writes one CSV.
What is finished is not run again, so a stopped study goes on.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from rich.console import Console
from rich.table import Table

from npvf.cli.demo import config_path
from npvf.cli.main import main as npvf

KINDS = ("sound_swap", "sound_shift", "calibrated")
STAGES = ["pre-trained", "fine-tuned"]


@dataclass(frozen=True)
class Variant:
    """One row of the study: what differs from the whole method.

    Args:
        model: options of the network.
        objective: options of the losses, in both stages.
        pretrained: False starts fine-tuning from nothing.
        without: a kind of forgery that fine-tuning does not see.
    """

    model: dict[str, Any] = field(default_factory=dict)
    objective: dict[str, Any] = field(default_factory=dict)
    pretrained: bool = True
    without: str | None = None

    @property
    def encoder_of(self) -> str:
        """Variants of one network and objective share its encoder."""
        return json.dumps([self.model, self.objective], sort_keys=True)


VARIANTS = {
    "whole": Variant(),
    "gate: critical": Variant({"inputs__gate": "critical"}),
    "gate: all phones": Variant({"inputs__gate": "all"}),
    "gate: none": Variant({"inputs__gate": "none"}),
    "without LFA": Variant({"viseme__lfa": False, "face__lfa": False, "audio__lfa": False}),
    "without evolution loss": Variant(objective={"ec_weight": 0.0}),
    "without its difference term": Variant(objective={"difference_weight": 0.0}),
    "without awareness": Variant({"awareness_orientation": "none"}),
    "without alignment": Variant(objective={"cor_weight": 0.0}),
    "without face stream": Variant({"face_stream": False}),
    "from scratch": Variant(pretrained=False),
    **{f"{kind} held out": Variant(without=kind) for kind in KINDS},
}


def main() -> None:
    """Run what has no result yet, print the table, write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="a finished `npvf demo`, for its corpora")
    parser.add_argument("test", type=Path, help="a prepared corpus of other people, forged in the same ways")
    parser.add_argument("--out", type=Path, default=Path("runs/study"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES, help="which of the two to measure")
    parser.add_argument("--epochs", type=int, nargs=2, default=(10, 5), help="of pre-training and fine-tuning")
    args = parser.parse_args()
    study = Study(args.demo, args.test, args.out, *args.epochs)
    asked = [(seed, name, stage) for seed in args.seeds for stage in args.stages for name in args.variants]
    rows = [row for seed, name, stage in asked for row in study.rows(name, seed, stage)]
    with (args.out / "study.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    Console().print(table(rows))


@dataclass(frozen=True)
class Study:
    """Corpora, budget, and where results go."""

    demo: Path
    test: Path
    out: Path
    pretraining_epochs: int
    finetuning_epochs: int

    def rows(self, name: str, seed: int, stage: str) -> Iterator[dict[str, Any]]:
        """A row for the encoder alone, by the agreement of lips and sound, or for the detector."""
        variant = VARIANTS[name]
        if stage == "pre-trained" and not (variant.pretrained and variant.without is None):
            return
        encoder = self.encoder(variant, seed) if variant.pretrained else None
        if stage == "fine-tuned":
            detector = self.detector(name, variant, encoder, seed)
            yield self._row(name, seed, stage, self._evaluate("--detector", detector))
        elif encoder:
            yield self._row(name, seed, stage, self._evaluate("--pretrained", encoder))

    def encoder(self, variant: Variant, seed: int) -> Path:
        """Pre-train, unless a variant with the same encoder has done so."""
        name = next(n for n, v in VARIANTS.items() if v.encoder_of == variant.encoder_of)
        run = self.out / _slug(name) / f"pretrain{seed}"
        options = self._options(run, seed, self.pretraining_epochs, "prepared-speech")
        if not (run / "encoder").is_dir():
            _npvf("pretrain", "fit", "--config", config_path("pretrain/nano_synth.yaml"), *options,
                  "--model.model_args", json.dumps(variant.model),
                  "--model.objective", json.dumps(variant.objective))  # fmt: skip
        return run / "encoder"

    def detector(self, name: str, variant: Variant, encoder: Path | None, seed: int) -> Path:
        """Fine-tune."""
        run = self.out / _slug(name) / f"finetune{seed}"
        options = self._options(run, seed, self.finetuning_epochs, "prepared-forged")
        if encoder:
            options += ["--model.encoder", encoder]
        else:
            options += ["--model.encoder", "null", "--model.optim.backbone_lr", "1e-3"]
        if variant.without:
            options += ["--data.clips.exclude", json.dumps([f"{variant.without}/*"])]
        if not (run / "detector").is_dir():
            _npvf("finetune", "fit", "--config", config_path("finetune/nano_synth.yaml"), *options,
                  "--model.objective", json.dumps({"auxiliary": variant.objective}))  # fmt: skip
        return run / "detector"

    def _options(self, run: Path, seed: int, epochs: int, corpus: str) -> list[object]:
        trainer = ["--trainer.max_epochs", epochs, "--trainer.check_val_every_n_epoch", epochs]
        data = ["--data.train", json.dumps([str(self.demo / corpus)])]
        return ["--seed_everything", seed, "--trainer.default_root_dir", run, *trainer, *data]

    def _evaluate(self, what: str, folder: Path) -> dict[str, Any]:
        found = folder.parent / "test"
        if not (found / "metrics.json").exists():
            _npvf("evaluate", self.test, "--protocol", "detection", what, folder, "--out", found)
        return json.loads((found / "metrics.json").read_text(encoding="utf-8"))

    def _row(self, name: str, seed: int, stage: str, report: dict[str, Any]) -> dict[str, Any]:
        low, high = report["auc_ci"]
        row = {"variant": name, "seed": seed, "stage": stage, "auc": report["auc"], "low": low, "high": high}
        return row | {k: report["by_manipulation"][k]["auc"] for k in KINDS} | {"coverage": report["coverage"]}


def table(rows: list[dict[str, Any]]) -> Table:
    """Mean over seeds and standard deviation of each variant and stage."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["stage"], row["variant"]].append(row)
    result = Table("stage", "variant", "seeds", "AUC", *KINDS)
    for (stage, variant), group in sorted(found.items(), key=lambda item: item[0][0]):
        cells = [_spread([row[column] for row in group]) for column in ("auc", *KINDS)]
        result.add_row(stage, variant, str(len(group)), *cells)
    return result


def _spread(values: list[float]) -> str:
    return f"{mean(values):.3f}" + (f" ({stdev(values):.3f})" if len(values) > 1 else "")


def _slug(name: str) -> str:
    return name.replace(": ", "-").replace(" ", "-")


def _npvf(*words: object) -> None:
    status = npvf([str(word) for word in words])
    if status:
        raise SystemExit(f"npvf {words[0]} ended with status {status}")


if __name__ == "__main__":
    main()
