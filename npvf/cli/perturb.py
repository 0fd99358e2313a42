"""`npvf perturb SRC OUT`: write perturbed copies of videos, with noise, codecs, reverberation or whole routes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

from npvf.cli.options import at_least_one, not_negative
from npvf.errors import NpvfError
from npvf.perturb import GROUPS, Perturbation, add_routes, get_perturbation, list_perturbations
from npvf.perturb.apply import Condition
from npvf.perturb.run import MANIFEST, perturb


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("src", type=Path, nargs="?", metavar="SRC", help="a folder, a video, or a CSV list of videos")
    parser.add_argument("out", type=Path, nargs="?", metavar="OUT", help="the folder to write the perturbed videos to")
    parser.add_argument("--kind", action="append", default=[], metavar="NAME", help="a perturbation; may be repeated")
    parser.add_argument(
        "--route", action="append", default=[], metavar="NAME", help="a social network to imitate; may be repeated"
    )
    parser.add_argument("--all", action="store_true", help="all perturbations and routes")
    add_choice(parser)
    parser.add_argument(
        "--seed", type=not_negative, default=0, help="random seed of the perturbations (default: %(default)s)"
    )
    parser.add_argument("--workers", type=at_least_one, default=1, help="number of processes (default: %(default)s)")
    parser.add_argument(
        "--list", action="store_true", help="list all perturbations with their levels, and do nothing else"
    )


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments for levels and routes, which `npvf robustness` shares."""
    parser.add_argument(
        "--level", "--levels", dest="levels", type=int, nargs="+", metavar="N", help="1 (weak) to 5 (default: all)"
    )
    parser.add_argument(
        "--routes", type=Path, metavar="FILE.yaml", help="add the routes of this file to the built-in seven"
    )


def run(args: argparse.Namespace) -> int:
    """Perturb the videos and print how many were written and refused."""
    if args.routes:
        add_routes(args.routes)
    if args.list:
        return _list()
    if args.src is None or args.out is None:
        raise NpvfError("SRC or OUT is missing: npvf perturb SRC OUT --kind blur --level 3")
    chosen = [get_perturbation(name) for name in (*args.kind, *args.route)]
    chosen = list_perturbations() if args.all else chosen
    columns = (BarColumn(), MofNCompleteColumn(), "videos", TimeElapsedColumn(), "left", TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("perturb", total=None)
        summary = perturb(
            args.src,
            args.out,
            conditions(chosen, args.levels, args.seed),
            workers=args.workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    written, refused = summary.count("written"), summary.count("refused")
    for name in dict.fromkeys(line["condition"] for line in summary.lines):
        print(f"{name}: {written[name]} written, {refused[name]} refused")
    print(f"{summary.new} written now, {written.total() - summary.new} existed already")
    if refused:
        print(f"reasons: {args.out / MANIFEST}")
    return 0


def conditions(chosen: Sequence[Perturbation], levels: Sequence[int] | None, seed: int) -> list[Condition]:
    """Return each perturbation at the given levels, or at all its levels. A route has only one level."""
    found = []
    for item in chosen:
        own = range(1, len(item.levels) + 1)
        asked = own if levels is None or len(own) == 1 else levels
        for level in asked:
            item.setting(level)  # raises if the level does not exist
            found.append(Condition(item.name, level, seed))
    return found


def _list() -> int:
    for group in GROUPS:
        print(f"{group}:")
        for item in list_perturbations(groups=[group]):
            print(f"  {item.name}")
            for level in range(1, len(item.levels) + 1):
                print(f"    {level}: {item.describe(level)}")
    print("The routes are our approximation of social networks: see docs/robustness.md.")
    return 0
