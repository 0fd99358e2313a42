"""`npvf corpora`: list the corpora that can be read, check that a copy is complete, and make splits."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from npvf.cli.options import not_negative
from npvf.corpora import NAMES, get_reader
from npvf.corpora.check import Check, check
from npvf.corpora.record import Reader
from npvf.corpora.splits import Split, read_split
from npvf.corpora.splits.protocols import FOLDS, PROTOCOLS, make_split

_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = "Without COMMAND, all corpora are listed. `check` exits with status 1 if the copy is not complete."
    commands = parser.add_subparsers(dest="corpora_command", metavar="COMMAND")
    checker = commands.add_parser(
        "check", help="compare the number of files with a complete copy, and list what is missing"
    )
    splitter = commands.add_parser("split", help="write a split to a file, for --split-file and data.clips.split_file")
    for command in (checker, splitter):
        command.add_argument("name", metavar="NAME", help="the name of a corpus, as `npvf corpora` lists it")
        command.add_argument("root", type=Path, metavar="ROOT", help="the folder that holds the corpus")
    splitter.add_argument("--protocol", choices=PROTOCOLS, required=True, help="how to split; see docs/corpora.md")
    splitter.add_argument("--seed", type=not_negative, default=0, help="random seed of the split (default: 0)")
    splitter.add_argument("--left-out", metavar="KIND", help="leave-one-out: the manipulation that only test contains")
    splitter.add_argument(
        "--fold", type=int, default=0, help=f"five-fold: the test fold, 0 to {FOLDS - 1} (default: 0)"
    )
    splitter.add_argument(
        "--apart-from",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="cross-corpus: leave out the people that these splits train or validate on",
    )
    splitter.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")


def run(args: argparse.Namespace) -> int:
    """Print a table. `check` returns the exit status 1 if the copy is not complete."""
    console = Console()
    if args.corpora_command is None:
        console.print(_overview())
        return 0
    reader = get_reader(args.name)
    listing = reader.read(args.root)
    if args.corpora_command == "check":
        found = check(reader, listing)
        console.print(_counts(reader, found))
        for line in _findings(found):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        return 1 if found.complete is False else 0
    others = [read_split(path) for path in args.apart_from]
    split = make_split(reader, listing.records, args.protocol, args.seed, args.left_out, args.fold, others)
    split.write(args.out)
    console.print(_parts(split))
    for reason, count in split.left_out.items():
        console.print(f"left out: {count} videos: {reason}", markup=False, highlight=False)
    if split.shared_people:
        console.print(f"{split.shared_people} people are in more than one part of this split", highlight=False)
    console.print(f"{args.out}  sha256 {split.hash}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _overview() -> Table:
    table = Table(title="Corpora that npvf reads")
    table.add_column("name")
    table.add_column("videos", justify="right")
    table.add_column("how to get it; licence; layout", overflow="fold")
    for name in NAMES:
        reader = get_reader(name)
        videos = f"{sum(reader.counts.values()):,}" if reader.counts and not reader.editions else ""
        about = f"{reader.title}: {reader.use}" + ("" if reader.sound else ", no sound")
        lines = (about, reader.get, reader.licence, reader.layout)
        table.add_row(name, videos, Text("\n".join(line for line in lines if line)), end_section=True)
    return table


def _counts(reader: Reader, found: Check) -> Table:
    table = Table(title=reader.title)
    for column in ("class", "found", "complete copy"):
        table.add_column(column, justify="left" if column == "class" else "right")
    for name, count, known in found.rows:
        style = None if known is None or count == known else "red"
        table.add_row(name, f"{count:,}", "unknown" if known is None else f"{known:,}", style=style)
    return table


def _findings(found: Check) -> list[str]:
    lines = []
    if found.missing:
        lines.append(f"{len(found.missing)} videos are listed but missing:")
        lines += [f"  {path}" for path in found.missing[:_SHOWN]]
        lines += ["  ..."] * (len(found.missing) > _SHOWN)
    for code, sentences in found.faults.items():
        lines.append(f"{len(sentences)} videos, {code}: {sentences[0]}")
    if found.repeated:
        lines.append(f"{found.repeated} rows repeat an earlier one; each video counts once")
    lines += found.notes
    verdict = {
        True: "complete",
        False: "not complete",
        None: "no missing file found; the size of a full copy is unknown",
    }
    return [*lines, verdict[found.complete]]


def _parts(split: Split) -> Table:
    table = Table(title=f"{split.corpus}, {split.protocol}")
    table.add_column("class")
    for part in split.parts:
        table.add_column(part, justify="right")
    for name in sorted({name for counts in split.counts.values() for name in counts}):
        table.add_row(name, *(f"{split.counts[part].get(name, 0):,}" for part in split.parts))
    table.add_row("videos", *(f"{len(videos):,}" for videos in split.parts.values()), style="bold")
    table.add_row("people", *(f"{len(split.people[part]):,}" for part in split.parts))
    return table
