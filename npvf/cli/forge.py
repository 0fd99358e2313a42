"""`npvf forge`: make labelled forgeries out of real clips."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

_KINDS = "sound_swap,sound_shift,calibrated"
_KINDS_HELP = (
    "comma-separated (default: %(default)s); calibrated renders clips of npvf synth anew, for real footage there are "
    "mouth_calibrated and mouth_reanimated"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("src", type=Path, metavar="SRC", help="folder or CSV list of real videos")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the forgeries")
    parser.add_argument("--kinds", default=_KINDS, help=_KINDS_HELP)
    parser.add_argument("--per-clip", type=int, default=1, help="forgeries of each kind a clip (default: %(default)s)")
    parser.add_argument("--copies", action="store_true", help="also write the originals through the same encoder")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other forgeries (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Runs the command."""
    from npvf.forge.run import forge

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
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    written, refused = summary.count("written"), summary.count("refused")
    for kind in sorted({*written, *refused}):
        print(f"{kind}: {written[kind]} written, {refused[kind]} refused")
    if refused:
        print(f"why: {args.out / 'forge.jsonl'}")
    return 0
