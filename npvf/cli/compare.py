"""`npvf compare RUN_A RUN_B`: is the difference between two detectors on the same videos significant?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import get_args

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from npvf.cli.options import at_least_one, not_negative
from npvf.evaluate.compare import Comparison, compare_runs
from npvf.evaluate.detection import Grouping
from npvf.metrics.bootstrap import FEW_GROUPS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("a", type=Path, metavar="RUN_A", help="a folder that `npvf evaluate` wrote, with scores.csv")
    parser.add_argument("b", type=Path, metavar="RUN_B", help="another such folder, for the same videos")
    parser.add_argument("--trimmed", action="store_true", help="compare the scores without leading silence")
    parser.add_argument(
        "--bootstrap", type=at_least_one, default=2000, metavar="N", help="bootstrap resamples (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=not_negative, default=0, help="random seed of the resamples (default: %(default)s)"
    )
    parser.add_argument(
        "--group", choices=get_args(Grouping), default="auto", help="the unit of resampling, as in `npvf evaluate`"
    )
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="also write the result to FILE.json")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Test the difference, print it, and write it."""
    found = compare_runs(args.a, args.b, args.trimmed, args.group, args.bootstrap, args.seed)
    content = json.dumps(found.to_json(), indent=2)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(content + "\n", encoding="utf-8")
    if args.json:
        print(content)
        return 0
    console = Console()
    console.print(comparison_table(found))
    for line in _notes(found):
        console.print(line, highlight=False, markup=False)
    return 0


def comparison_table(found: Comparison) -> Table:
    """One row for each set of videos: the difference of the AUCs with both tests."""
    titles = ("videos", "real", "fake", "AUC A", "AUC B", "A - B", "p", "p, DeLong")
    table = Table(*titles, title="AUC of two detectors on the same videos, with 95 % intervals", box=SIMPLE_HEAD)
    rows = {"both judged": found.judged, "all, others 0.5": found.all, **found.by_manipulation}
    for name, part in rows.items():
        cells = ["-"] * 5
        if part.bootstrap and part.delong:
            test, (low, high) = part.bootstrap, part.bootstrap.interval
            difference = f"{test.difference:+.3f}\n[{low:+.3f}, {high:+.3f}]"
            cells = [f"{test.auc_a:.3f}", f"{test.auc_b:.3f}", difference, f"{test.p:.2g}", f"{part.delong.p:.2g}"]
        table.add_row(name, str(part.real), str(part.fake), *cells)
    return table


def _notes(found: Comparison) -> list[str]:
    judged = found.judged
    lines = [
        f"A: {found.a}, judged {found.judged_by_a} of {found.videos}",
        f"B: {found.b}, judged {found.judged_by_b} of {found.videos}",
        f"silence at the start: {found.silence}",
        f"p and intervals: {found.resamples} resamples of {judged.groups} groups by {judged.group}; "
        "DeLong treats the videos as independent",
    ]
    lines += [f"{kind}: {part.missing}" for kind, part in found.by_manipulation.items() if part.missing]
    if found.only_in_a or found.only_in_b:
        lines.append(f"left out: {found.only_in_a} videos that only A has, {found.only_in_b} that only B has")
    if judged.groups < FEW_GROUPS:
        lines.append(f"with only {judged.groups} groups p is too small and the intervals are too narrow")
    return lines
