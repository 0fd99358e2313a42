"""`npvf audit CORPUS`: find shortcuts and leakage in a labelled corpus before training on it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from npvf.audit.run import Audit, audit
from npvf.audit.shortcuts import Shortcut
from npvf.cli import options
from npvf.cli.options import not_negative
from npvf.corpora.parts import read_parts
from npvf.data.selection import Selection
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus, is_prepared
from npvf.io.urls import as_place
from npvf.metrics.bootstrap import Bootstrap
from npvf.version import __version__


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "src", type=as_place, help="a corpus made by `npvf prepare`, or a folder or list of labelled videos; also URLs"
    )
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument(
        "--split-by",
        metavar="KEY",
        default="split",
        help="the manifest key that holds a video's split (default: split)",
    )
    parts.add_argument("--split-file", type=Path, metavar="FILE", help="a file with the split of each video")
    parser.add_argument(
        "--include",
        nargs="+",
        default=["*"],
        metavar="PATTERN",
        help="look for shortcuts only in videos with such names",
    )
    parser.add_argument("--exclude", nargs="+", default=[], metavar="PATTERN", help="skip videos with such names")
    parser.add_argument(
        "--bootstrap",
        type=not_negative,
        default=1000,
        metavar="N",
        help="bootstrap resamples; 0: no intervals (default: 1000)",
    )
    parser.add_argument("--seed", type=not_negative, default=0, help="random seed of the resamples (default: 0)")
    parser.add_argument("--out", type=options.local, metavar="FILE", help="write the result to FILE as JSON")
    parser.add_argument("--json", action="store_true", help="print the result as JSON instead of a table")
    parser.epilog = "Exit status: 0 nothing found, 1 a shortcut or leakage found, 2 wrong usage or broken input."


def run(args: argparse.Namespace) -> int:
    """Audit the corpus. The exit status is 1 if a shortcut or leakage was found, else 0."""
    selection = Selection(label="known", include=tuple(args.include), exclude=tuple(args.exclude))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("clips", total=None)
        result = audit(
            args.src,
            selection,
            _parts(args),
            Bootstrap(args.bootstrap, args.seed),
            on_step=lambda: progress.advance(task),
        )
    content = json.dumps({"npvf": __version__, "src": str(args.src), **result.to_json()}, indent=2)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(content + "\n", encoding="utf-8")
    if args.json:
        print(content)
        return int(result.has_findings)
    console = Console()
    console.print(_table(result))
    for line in result.verdict():
        console.print(f"- {line}", highlight=False, markup=False)
    return int(result.has_findings)


def _parts(args: argparse.Namespace) -> dict[str, str] | None:
    if args.split_file:
        return read_parts(args.split_file)
    if args.split_by == "split" or not is_prepared(args.src):
        return None
    lines = Corpus(args.src).manifest
    if not any(line.get(args.split_by) for line in lines):
        known = ", ".join(sorted(key for key, value in lines[0].items() if isinstance(value, str)))
        raise NpvfError(f"--split-by: no line of the manifest has the key {args.split_by!r}; choose one of {known}")
    return {line["video"]: str(line[args.split_by]) for line in lines if line.get(args.split_by)}


def _table(result: Audit) -> Table:
    """One row for each trait. The last column lists the manipulations for which it is a shortcut, or "all fakes"."""
    title = f"AUC of each trait alone, {result.real} real and {result.fake} fake videos"
    table = Table("trait", "AUC", "real", "fake", "known for", "shortcut for", title=title, box=SIMPLE_HEAD)
    for one in result.shortcuts:
        kinds = [
            kind
            for kind, ranked in result.by_manipulation.items()
            for other in ranked
            if other.name == one.name and other.is_shortcut
        ]
        table.add_row(
            one.name,
            _auc(one),
            one.typical_real,
            one.typical_fake,
            f"{one.coverage:.0%}",
            "all fakes" if one.is_shortcut else ", ".join(kinds),
            style="bold" if one.is_shortcut or kinds else None,
        )
    return table


def _auc(one: Shortcut) -> str:
    if one.auc is None:
        return "-"
    ends = "" if one.interval is None else f" [{one.interval.low:.2f}, {one.interval.high:.2f}]"
    return f"{one.auc:.2f}{ends}"
