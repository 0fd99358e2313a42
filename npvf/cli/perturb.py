"""`npvf perturb SRC OUT`: videos as they come out of noise, codecs, rooms and social networks."""

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
    parser.add_argument("out", type=Path, nargs="?", metavar="OUT", help="folder for the perturbed videos")
    parser.add_argument("--kind", action="append", default=[], metavar="NAME", help="a perturbation; may be repeated")
    parser.add_argument(
        "--route", action="append", default=[], metavar="NAME", help="a social network; may be repeated"
    )
    parser.add_argument("--all", action="store_true", help="everything there is")
    add_choice(parser)
    parser.add_argument(
        "--seed", type=not_negative, default=0, help="of noise, rooms and the like (default: %(default)s)"
    )
    parser.add_argument("--workers", type=at_least_one, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="only say what there is, level by level")


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Arguments that choose levels and routes, as `npvf robustness` has them too."""
    parser.add_argument(
        "--level", "--levels", dest="levels", type=int, nargs="+", metavar="N", help="1 (weak) to 5 (default: all)"
    )
    parser.add_argument("--routes", type=Path, metavar="FILE.yaml", help="routes of your own, beside the seven")


def run(args: argparse.Namespace) -> int:
    """Perturb, and count. Exit status 2 for wrong use."""
    if args.routes:
        add_routes(args.routes)
    if args.list:
        return _list()
    if args.src is None or args.out is None:
        raise NpvfError("say which videos and where to: npvf perturb SRC OUT --kind blur --level 3")
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
    print(f"{summary.new} written now, {written.total() - summary.new} were there already")
    if refused:
        print(f"why: {args.out / MANIFEST}")
    return 0


def conditions(chosen: Sequence[Perturbation], levels: Sequence[int] | None, seed: int) -> list[Condition]:
    """Each perturbation at the levels asked for, or at all of its own; a route has but one."""
    found = []
    for item in chosen:
        own = range(1, len(item.levels) + 1)
        asked = own if levels is None or len(own) == 1 else levels
        for level in asked:
            item.setting(level)  # raises for a level that it has not
            found.append(Condition(item.name, level, seed))
    return found


def _list() -> int:
    for group in GROUPS:
        print(f"{group}:")
        for item in list_perturbations(groups=[group]):
            print(f"  {item.name}")
            for level in range(1, len(item.levels) + 1):
                print(f"    {level}: {item.describe(level)}")
    print("The routes are an approximation of ours: see docs/robustness.md.")
    return 0
