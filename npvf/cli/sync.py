"""`npvf sync CORPUS OUT --pretrained DIR`: align the audio of real clips with their lips."""

from __future__ import annotations

import argparse
from functools import partial

from rich.console import Console
from rich.progress import Progress

from npvf.cli import options
from npvf.detect.scoring import embed_clip
from npvf.io.corpus import Corpus
from npvf.io.urls import as_place
from npvf.models.device import choose_device
from npvf.models.npv.npv import NPV
from npvf.prepare.resync import SynchroniseSettings, synchronise

DEFAULTS = SynchroniseSettings()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("corpus", type=as_place, help="a corpus made by `npvf prepare`, of real clips")
    parser.add_argument("out", type=options.local, help="a new folder for the aligned corpus")
    parser.add_argument("--pretrained", metavar="DIR", required=True, help="an encoder folder from `npvf pretrain`")
    parser.add_argument(
        "--most", type=int, default=DEFAULTS.most, help="largest offset that is corrected, in frames (default: 7)"
    )
    parser.add_argument(
        "--tolerance",
        type=int,
        default=DEFAULTS.tolerance,
        help="drop clips whose two halves differ in offset by more than this many frames (default: 1)",
    )
    parser.add_argument("--device", help=options.DEVICE)


def run(args: argparse.Namespace) -> int:
    """Align the clips, and print how many are kept."""
    corpus = Corpus(args.corpus)
    embed = partial(embed_clip, NPV.from_pretrained(args.pretrained).to(choose_device(args.device)))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("clips", total=len(corpus))
        settings = SynchroniseSettings(most=args.most, tolerance=args.tolerance)
        dataset = synchronise(corpus, args.out, embed, settings, lambda: progress.advance(task))
    offsets = dataset["synchronised"]["clips_by_offset"]
    print(f"{dataset['clips']} of {len(corpus)} clips kept, {dataset['hours']:.2f} hours")
    print("frames by which the audio was late: " + ", ".join(f"{k} ({n} clips)" for k, n in offsets.items()))
    return 0
