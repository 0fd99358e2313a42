"""`npvf motion CORPUS... --out DIR`: fit the detector of mouth motion, and measure it with each generator held out."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from npvf.cli import options
from npvf.data.selection import Selection
from npvf.detect.mouth_motion import MouthMotionDetector, MouthMotionSettings
from npvf.errors import NpvfError
from npvf.evaluate.fit_motion import calibrated, collect_mouths, fit_motion, held_out_generators
from npvf.io.corpus import Corpus
from npvf.io.urls import as_place
from npvf.models.device import choose_device
from npvf.models.motion.mouth_motion import MouthMotion, mouth_motion
from npvf.models.npv.npv import NPV


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "corpora",
        type=as_place,
        nargs="+",
        metavar="CORPUS",
        help="corpora made by `npvf prepare`, with genuine and generated talking faces, labelled",
    )
    parser.add_argument(
        "--encoder",
        metavar="DIR",
        help="an encoder, or a detector of lips and audio: a mouth that follows the audio more closely than people's "
        "mouths do is evidence, too",
    )
    parser.add_argument("--out", type=options.local, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--split", help="only videos whose `split` is this")
    parser.add_argument("--include", nargs="+", default=["*"], metavar="PATTERN", help="only videos with such names")
    parser.add_argument("--exclude", nargs="+", default=[], metavar="PATTERN", help="no videos with such names")
    parser.add_argument("--device", help=options.DEVICE)
    parser.add_argument("--json", action="store_true", help="print the result as JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Measure all mouths, fit, write the folder, and print the table of the generators."""
    if args.out.exists() and any(args.out.iterdir()):
        raise NpvfError(f"{args.out} is not empty: remove it, or choose another folder with --out")
    encoder = None if args.encoder is None else NPV.from_pretrained(args.encoder).to(choose_device(args.device))
    where = None if args.encoder is None else os.path.relpath(args.encoder, args.out)
    detector = MouthMotionDetector(MouthMotion(mouth_motion()), MouthMotionSettings(encoder=where), encoder)
    selection = Selection(label="known", split=args.split, include=tuple(args.include), exclude=tuple(args.exclude))
    found = collect_mouths([Corpus(path) for path in args.corpora], detector, selection)
    rows = held_out_generators(found.items)
    fit_motion(detector.model, found.items)
    record: dict[str, Any] = {
        "corpora": [str(path) for path in args.corpora],
        "genuine": sum(not item.fake for item in found.items),
        "people": len({item.person for item in found.items if not item.fake}),
        "generated": sum(item.fake for item in found.items),
        "left_out": dict(found.left_out),
        "held_out_generators": rows,
    }
    detector.settings = calibrated(detector, found.items)
    detector.save_pretrained(args.out, record)
    if args.json:
        print(json.dumps(record, indent=2))
    else:
        _print(record, rows, args.out)
    return 0


def _print(record: dict[str, Any], rows: Sequence[dict[str, Any]], out: Path) -> None:
    console = Console()
    console.print(f"{record['genuine']} genuine clips of {record['people']} people, {record['generated']} generated")
    table = Table(title="Each generator, by a model that has seen neither it nor the people it is compared with")
    for column in ("generator", "clips", "AUC", "lowest", "found at 5 % false alarms"):
        table.add_column(column)
    for row in rows:
        table.add_row(
            row["generator"], str(row["clips"]), f"{row['auc']:.3f}", f"{row['auc_lowest']:.3f}", f"{row['found']:.2f}"
        )
    console.print(table)
    console.print(str(out), soft_wrap=True)
