"""Does pre-training help a detector on people it has never seen? The demo's two detectors, over seeds.

    python benchmarks/transfer.py runs/demo --seeds 0 1 2 --out runs/transfer

Takes the corpora of a finished `npvf demo` and repeats pre-training, fine-tuning and fine-tuning from scratch with each
seed. Beside the two detectors stands the agreement of lips and sound alone, of the encoder as pre-training left it and
as fine-tuning did. Prints one table and writes one CSV.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import statistics
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from npvf.cli.demo import PICTURE_KINDS, Demo

DETECTORS = {"pre-trained": "detector", "from scratch": "scratch"}
AGREEMENT = {"agreement after pre-training": "pretrain/encoder", "agreement after fine-tuning": "detector/detector"}


def main() -> None:
    """Run the seeds that have no result yet, print the table, write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="the folder of a finished `npvf demo`")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/transfer"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    reports = {seed: run(args.demo, args.out / f"seed{seed}", seed) for seed in args.seeds}
    rows = [_row(seed, name, folder) for seed, folders in reports.items() for name, folder in folders.items()]
    with (args.out / f"transfer-{platform.machine()}-cpu.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    Console().print(_table(rows))


def run(corpora: Path, out: Path, seed: int) -> dict[str, Path]:
    """The demo's steps from pre-training to evaluation with one seed; the demo's own seed has been run.

    Returns:
        The folder of each evaluation.
    """
    finished = json.loads((corpora / "metrics.json").read_text(encoding="utf-8"))
    demo = Demo(corpora, corpora if finished["seed"] == seed else out, seed, workers=2)
    if finished["seed"] != seed and not (out / "evaluate" / "encoder" / "metrics.json").exists():
        demo.pretrain()
        demo.finetune()
        demo.finetune_from_scratch()
        demo.evaluate()
    reports = {name: demo.out / "evaluate" / folder for name, folder in DETECTORS.items()}
    for name, folder in AGREEMENT.items():
        reports[name] = out / name.replace(" ", "-")
        if not (reports[name] / "metrics.json").exists():
            _agreement(demo, demo.out / folder, reports[name])
    return reports


def _agreement(demo: Demo, folder: Path, out: Path) -> None:
    test = ("--split", "test", "--exclude", *(f"{kind}/*" for kind in PICTURE_KINDS))
    words = ("--protocol", "detection", "--pretrained", folder, "--out", out)
    demo.npvf("evaluate", demo.corpora / "prepared-forged", *test, *words)


def _row(seed: int, name: str, folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    low, high = found["auc_ci"]
    kinds = {f"auc_{kind}": values["auc"] for kind, values in found["by_manipulation"].items()}
    return {"seed": seed, "detector": name, "auc": found["auc"], "low": low, "high": high, **kinds}


def _table(rows: list[dict[str, Any]]) -> Table:
    kinds = sorted(name for name in rows[0] if name.startswith("auc_"))
    table = Table("detector", "seed", "AUC [95 %]", *(name.removeprefix("auc_") for name in kinds))
    for row in sorted(rows, key=lambda row: row["detector"]):
        interval = f"{row['auc']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        table.add_row(row["detector"], str(row["seed"]), interval, *(f"{row[name]:.3f}" for name in kinds))
    for detector in sorted({row["detector"] for row in rows}):
        values = [row["auc"] for row in rows if row["detector"] == detector]
        spread = f" (sd {statistics.stdev(values):.3f})" if len(values) > 1 else ""
        table.add_row(detector, "mean", f"{statistics.mean(values):.3f}{spread}")
    return table


if __name__ == "__main__":
    main()
