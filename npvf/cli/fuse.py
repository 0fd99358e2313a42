"""`npvf fuse CORPUS --detector A --localizer B --out DIR`: combine NPV and ST-DDL into one probability."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from npvf.cli import options
from npvf.data.selection import Selection
from npvf.detect.fused import FusedDetector, save_fused
from npvf.detect.fusion import Fusion
from npvf.detect.localizer import Localizer
from npvf.detect.speech_detector import SpeechDetector
from npvf.evaluate.fit_fusion import collect_opinions, fit_fusion
from npvf.io.corpus import Corpus
from npvf.io.urls import as_place
from npvf.models.device import choose_device

FIGURES = {
    "auc_speech": "AUC, lips and audio",
    "auc_picture": "AUC, forged pixels",
    "auc_fused_held_out": "AUC, fused, on people held out of the fit",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("corpus", type=as_place, help="a corpus made by `npvf prepare`, of people used in no training")
    parser.add_argument("--detector", required=True, metavar="DIR", help="the folder of a detector (lips and audio)")
    parser.add_argument("--localizer", required=True, metavar="DIR", help="the folder of a localizer (forged pixels)")
    parser.add_argument(
        "--out", type=options.local, required=True, metavar="DIR", help="the folder of the fused detector"
    )
    parser.add_argument("--split", default="val", help="only videos whose `split` is this (default: val)")
    parser.add_argument("--include", nargs="+", default=["*"], metavar="PATTERN", help="only videos with such names")
    parser.add_argument("--exclude", nargs="+", default=[], metavar="PATTERN", help="no videos with such names")
    parser.add_argument("--device", help=options.DEVICE)
    parser.add_argument("--json", action="store_true", help="print the result as JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Score all videos with both methods, fit the fusion, write the folder, and print the figures."""
    device = choose_device(args.device)
    localizer = Localizer.from_pretrained(args.localizer, device)
    detector = FusedDetector(SpeechDetector.from_pretrained(args.detector, device), localizer)
    corpus = Corpus(args.corpus)
    selection = Selection(
        speakers_only=False,
        label="known",
        split=args.split,
        include=tuple(args.include),
        exclude=tuple(args.exclude),
    )
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("clips", total=None)
        found = collect_opinions(corpus, detector, selection, lambda: progress.advance(task))
    fusion, figures = fit_fusion(found)
    fitted_on = {"corpus": str(args.corpus), "split": args.split, **figures}
    save_fused(fusion, args.detector, args.localizer, args.out, fitted_on)
    if args.json:
        print(json.dumps({"fusion": fusion.to_json(), **fitted_on}, indent=2))
    else:
        _print(fusion, figures, args.out)
    return 0


def _print(fusion: Fusion, figures: dict[str, Any], out: Path) -> None:
    table = Table("", "result", title="Fusion of both methods")
    table.add_row("real, fake videos", f"{figures['real']}, {figures['fake']} of {figures['people']} people")
    for name, title in FIGURES.items():
        value = figures[name]
        table.add_row(title, "too few people" if value is None else f"{value:.3f}")
    table.add_row("weight of lips and audio", f"{fusion.speech:.2f}")
    table.add_row("weight of forged pixels", f"{fusion.picture:.2f}")
    table.add_row("bias", f"{fusion.bias:+.2f}")
    table.add_row("fake from", f"{fusion.threshold:.2f}")
    console = Console()
    console.print(table)
    if figures["left_out"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in figures["left_out"].items())
        console.print(f"left out, not scored by both methods: {reasons}", highlight=False)
    console.print(str(out), highlight=False)
