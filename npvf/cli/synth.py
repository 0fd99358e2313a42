"""`npvf synth`: render the synthetic corpus of talking heads."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

from npvf.cli.options import at_least_one, not_negative


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder to write the clips to")
    parser.add_argument("--clips", type=at_least_one, default=48, help="number of clips (default: %(default)s)")
    parser.add_argument("--seed", type=not_negative, default=0, help="random seed of the clips (default: %(default)s)")
    parser.add_argument(
        "--people", type=numbers, default="0-15", help="numbers of the people to render (default: %(default)s)"
    )
    parser.add_argument(
        "--split",
        type=part,
        action="append",
        default=[],
        metavar="NAME=NUMBERS",
        help="assign people to a split, such as test=11-15; may be repeated",
    )
    parser.add_argument("--size", type=side, default=288, help="side of a frame in pixels (default: %(default)s)")
    parser.add_argument("--workers", type=at_least_one, default=1, help="number of processes (default: %(default)s)")
    parser.add_argument(
        "--check",
        type=not_negative,
        default=0,
        metavar="N",
        help="measure on N clips how well MediaPipe tracks the rendered mouth",
    )


def run(args: argparse.Namespace) -> int:
    """Render the clips, and check them if asked to."""
    from npvf.synth.corpus import synthesise
    from npvf.synth.tracking import tracking_correlation

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), "clips", TimeElapsedColumn(), "left", TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("synth", total=args.clips)
        synthesise(
            args.out,
            clips=args.clips,
            seed=args.seed,
            people=args.people,
            size=args.size,
            workers=args.workers,
            splits={number: name for name, people in args.split for number in people},
            progress=lambda done, _: bar.update(task, completed=done),
        )
    print(f"{args.clips} clips of {min(len(args.people), args.clips)} people in {args.out}")
    if args.check:
        found = sorted(tracking_correlation(args.out, args.check).values())
        mean = sum(found) / len(found)
        print(
            f"correlation of tracked and rendered lip aperture: {mean:.3f} (lowest {found[0]:.3f}), {len(found)} clips"
        )
    return 0


def numbers(text: str) -> list[int]:
    """Parse numbers and ranges: "0-2,7" becomes 0, 1, 2, 7."""
    found: list[int] = []
    for item in text.split(","):
        first, _, last = item.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    if not found:
        raise ValueError(text)
    return found


def side(text: str) -> int:
    """Parse the side of a square frame: even, as yuv420p requires, and at least 128 pixels."""
    pixels = at_least_one(text)
    if pixels < 128 or pixels % 2:
        raise argparse.ArgumentTypeError(f"expected an even integer >= 128, got {text!r}")
    return pixels


def part(text: str) -> tuple[str, list[int]]:
    """Parse a split and its people: "test=11-15"."""
    name, equals, people = text.partition("=")
    if not (name and equals):
        raise ValueError(text)
    return name, numbers(people)
