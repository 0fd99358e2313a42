"""`npvf evaluate CORPUS`: detection metrics of a detector, or the synchrony protocol of a pre-trained model."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch
from rich.console import Console
from rich.progress import Progress

from npvf import __version__
from npvf.cli.evaluate_tables import detection_table, notes, synchrony_table
from npvf.data.corpus import Corpus
from npvf.data.selection import Selection
from npvf.detect.agreement import AgreementScorer
from npvf.detect.detector import Detector
from npvf.detect.evaluation import Scorer, evaluate_detection
from npvf.detect.scoring import embed_clip
from npvf.detect.synchrony import evaluate_synchrony
from npvf.errors import NpvfError
from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.protocol import SWAP_REACH, Settings
from npvf.models.batch import Gate
from npvf.models.npv import NPV


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("corpus", type=Path, help="a folder made by `npvf prepare`")
    parser.epilog = "With neither --detector nor --pretrained, synchrony is measured for the baseline alone."
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--detector", metavar="DIR", help="a detector folder: measure how it tells fake from real")
    what.add_argument("--pretrained", metavar="DIR", help="a model folder: measure how it follows sound and lips")
    parser.add_argument(
        "--protocol",
        choices=("detection", "synchrony"),
        help="default: detection for --detector, synchrony for --pretrained; a pre-trained model alone detects by how "
        "well lips and sound agree",
    )
    parser.add_argument(
        "--gate", choices=get_args(Gate), help="compare lips and sound on other frames than in training"
    )
    parser.add_argument("--out", type=Path, help="for metrics.json and scores.csv (default: runs/evaluate/CORPUS)")
    parser.add_argument("--json", action="store_true", help="print metrics.json instead of a table")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: cuda where there is one)")
    parser.add_argument("--seed", type=int, default=0, help="of resampling, segments and swaps (default: 0)")

    chosen = parser.add_argument_group("which videos")
    chosen.add_argument("--split", help="only videos whose `split` is this")
    chosen.add_argument("--identities", nargs="+", metavar="NAME", help="only videos that show or use these people")
    chosen.add_argument("--include", nargs="+", default=["*"], metavar="PATTERN", help="only videos of such a name")
    chosen.add_argument("--exclude", nargs="+", default=[], metavar="PATTERN", help="no videos of such a name")
    chosen.add_argument("--part", choices=("train", "val"), help="a part of the division by hash that training makes")
    chosen.add_argument("--held-out", type=float, default=0.0, metavar="SHARE", help="the share of `val` in it")

    intervals = parser.add_argument_group("95 % intervals")
    intervals.add_argument(
        "--bootstrap", type=int, default=1000, metavar="N", help="resamples; 0: none (default: 1000)"
    )
    intervals.add_argument(
        "--group",
        choices=("auto", "identity", "video"),
        default="auto",
        help="what is resampled; auto: identities where all are known, else source videos (default: auto)",
    )

    detection = parser.add_argument_group("detection")
    detection.add_argument(
        "--refused",
        choices=("half", "worst", "drop"),
        default="half",
        help="how `AUC of all videos` scores those not judged: 0.5, the worst for their label; or no such figure",
    )

    synchrony = parser.add_argument_group("synchrony")
    synchrony.add_argument("--segments", type=int, default=60, help="N of retrieval R@1 (default: 60)")
    synchrony.add_argument(
        "--swap-reach",
        type=int,
        default=SWAP_REACH,
        metavar="FRAMES",
        help="how far a true or swapped sound is moved to fit best; recordings in the wild lag by up to 7 (default: 2)",
    )
    synchrony.add_argument(
        "--baseline",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also measure lip aperture against sound energy, which learns nothing (default: yes)",
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate, print, and write `metrics.json` and `scores.csv`."""
    protocol = args.protocol or ("detection" if args.detector else "synchrony")
    if protocol == "detection" and not (args.detector or args.pretrained):
        raise NpvfError("detection needs --detector DIR, which fine-tuning makes, or --pretrained DIR")
    if args.gate and args.detector:
        raise NpvfError("--gate goes with --pretrained: a detector's head has learnt one gate")
    corpus = Corpus(args.corpus)
    report, rows = (_detection if protocol == "detection" else _synchrony)(args, corpus)
    report = {**_setup(args), **report}
    out = args.out or Path("runs/evaluate") / args.corpus.resolve().name
    out.mkdir(parents=True, exist_ok=True)
    (out / "metrics.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    with (out / "scores.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    if args.json:
        print(json.dumps(report, indent=2))
        return 0
    console = Console()
    console.print(detection_table(report) if protocol == "detection" else synchrony_table(report))
    for line in (*notes(report), f"{out / 'metrics.json'}  {out / 'scores.csv'}"):
        console.print(line, highlight=False, markup=False)
    return 0


def _detection(args: argparse.Namespace, corpus: Corpus) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    scorer: Scorer
    if args.detector:
        scorer = Detector.from_pretrained(args.detector, _device(args))
    else:
        scorer = AgreementScorer(_model(args, args.pretrained))
    with _progress(corpus) as on_clip:
        report, rows = evaluate_detection(
            corpus, scorer, _selection(args, "known"), args.refused, args.group, _bootstrap(args), on_clip
        )
    return report, [asdict(row) for row in rows]


def _synchrony(args: argparse.Namespace, corpus: Corpus) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    folder = args.pretrained or args.detector
    embed = partial(embed_clip, _model(args, folder)) if folder else None
    settings = Settings(segments=args.segments, seed=args.seed, bootstrap=_bootstrap(args), swap_reach=args.swap_reach)
    with _progress(corpus) as on_clip:
        return evaluate_synchrony(
            corpus, embed, _selection(args, "unforged"), args.baseline, args.group, settings, on_clip
        )


def _model(args: argparse.Namespace, folder: str) -> NPV:
    model = NPV.from_pretrained(folder).to(_device(args))
    model.config = model.config.configured(inputs__gate=args.gate)
    return model


def _selection(args: argparse.Namespace, label: Any) -> Selection:
    return Selection(
        label=label,
        split=args.split,
        identities=frozenset(args.identities) if args.identities else None,
        include=tuple(args.include),
        exclude=tuple(args.exclude),
        part=args.part,
        held_out=args.held_out,
    )


def _device(args: argparse.Namespace) -> str:
    return args.device or ("cuda" if torch.cuda.is_available() else "cpu")


def _bootstrap(args: argparse.Namespace) -> Bootstrap:
    return Bootstrap(args.bootstrap, args.seed)


def _setup(args: argparse.Namespace) -> dict[str, Any]:
    """What was asked for, as it stands in metrics.json."""
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()}
    for name in ("command", "json", "out", "protocol", "group", "refused"):
        asked.pop(name, None)
    return {"npvf": __version__, **asked}


@contextmanager
def _progress(corpus: Corpus) -> Iterator[Callable[[], object]]:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("clips", total=len(corpus))
        yield lambda: progress.advance(task)
