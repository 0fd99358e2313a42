"""`npvf forge`: make labelled forgeries out of real clips."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

from npvf.cli.options import at_least_one, not_negative
from npvf.errors import NpvfError

_KINDS = "sound_swap,sound_shift,calibrated"
_KINDS_HELP = "kinds of forgery, separated by commas (default: %(default)s); without a value: list all kinds"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("src", type=Path, nargs="?", metavar="SRC", help="a folder or CSV list of real videos")
    parser.add_argument("out", type=Path, nargs="?", metavar="OUT", help="the folder to write the forgeries to")
    parser.add_argument("--kinds", nargs="?", default=_KINDS, help=_KINDS_HELP)
    parser.add_argument(
        "--per-clip", type=at_least_one, default=1, help="forgeries of each kind for each clip (default: %(default)s)"
    )
    parser.add_argument("--copies", action="store_true", help="also encode the originals with the same encoder")
    parser.add_argument("--crf", type=float, default=20, help="x264 quality, 0 to 51 (default: %(default)s)")
    parser.add_argument(
        "--seed", type=not_negative, default=0, help="random seed of the forgeries (default: %(default)s)"
    )
    parser.add_argument("--workers", type=at_least_one, default=1, help="number of processes (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Make the forgeries and print how many were written and refused."""
    from npvf.forge.kinds import KINDS
    from npvf.forge.run import forge

    if args.kinds is None:
        for name, made in KINDS.items():
            print(f"{name:<17} {made.description}")
        return 0
    if args.src is None or args.out is None:
        raise NpvfError("SRC or OUT is missing: npvf forge SRC OUT, real videos in SRC, forgeries to OUT")
    columns = (BarColumn(), MofNCompleteColumn(), "videos", TimeElapsedColumn(), "left", TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("forge", total=None)
        summary = forge(
            args.src,
            args.out,
            kinds=[kind.strip() for kind in args.kinds.split(",") if kind.strip()],
            per_clip=args.per_clip,
            seed=args.seed,
            copies=args.copies,
            workers=args.workers,
            crf=args.crf,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    written, refused = summary.count("written"), summary.count("refused")
    for kind in sorted({*written, *refused}):
        print(f"{kind}: {written[kind]} written, {refused[kind]} refused")
    if refused:
        print(f"reasons: {args.out / 'forge.jsonl'}")
    return 0
