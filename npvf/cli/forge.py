"""`npvf forge`: make labelled forgeries out of real clips."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

from npvf.cli.options import at_least_one, not_negative
from npvf.errors import NpvfError

_KINDS = "sound_swap,sound_shift,calibrated"
_KINDS_HELP = "comma-separated (default: %(default)s); without a value: list them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("src", type=Path, nargs="?", metavar="SRC", help="folder or CSV list of real videos")
    parser.add_argument("out", type=Path, nargs="?", metavar="OUT", help="folder for the forgeries")
    parser.add_argument("--kinds", nargs="?", default=_KINDS, help=_KINDS_HELP)
    parser.add_argument(
        "--per-clip", type=at_least_one, default=1, help="forgeries of each kind a clip (default: %(default)s)"
    )
    parser.add_argument("--copies", action="store_true", help="also write the originals through the same encoder")
    parser.add_argument("--crf", type=float, default=20, help="x264 quality, 0 to 51 (default: %(default)s)")
    parser.add_argument(
        "--seed", type=not_negative, default=0, help="another seed, other forgeries (default: %(default)s)"
    )
    parser.add_argument("--workers", type=at_least_one, default=1, help="processes (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from npvf.forge.kinds import KINDS
    from npvf.forge.run import forge

    if args.kinds is None:
        for name, made in KINDS.items():
            print(f"{name:<17} {made.says}")
        return 0
    if args.src is None or args.out is None:
        raise NpvfError("npvf forge SRC OUT: give the folder of real videos and one for the forgeries")
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
        print(f"why: {args.out / 'forge.jsonl'}")
    return 0
