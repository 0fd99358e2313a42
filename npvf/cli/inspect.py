"""`npvf inspect VIDEO...`: the facts of each file and how well it can be judged, before any score."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from npvf.clip import PhoneSource
from npvf.errors import MissingDependency, NpvfError, Reason, Refused
from npvf.inspect.credentials import check_trust
from npvf.inspect.describe import fact_rows
from npvf.inspect.facts import FileFacts, inspect_file
from npvf.inspect.streams import Streams

if TYPE_CHECKING:  # the quality list imports torch, which takes seconds
    from npvf.detect.quality import Quality

BROKEN, NOT_JUDGED = 2, 3
# The refusals that mean that a file is broken. Others mean that the content cannot be judged.
BROKEN_FILE = frozenset({Reason.NOT_FOUND, Reason.UNDECODABLE, Reason.BAD_SIDECAR, Reason.MEMORY_LIMIT})
STYLES = {"good": "green", "limited": "yellow", "bad": "bold red"}
EXPLANATION = """\
Facts are kept apart from scores: nothing here says whether a video is real or fake. Most oddities have a harmless
cause. --json prints a list with one object for each file, in the given order. A file that cannot be read has an
"error" that begins with a stable code (not_found, undecodable, no_video_stream), and is reported on stderr, too.

exit status: 0 all files were read; 3 at least one has no face that could be judged, or is too short; 2 at least one
could not be read.
"""


@dataclass(frozen=True, slots=True)
class Inspected:
    """The findings in one file; `error` is the reason why something is missing."""

    video: str
    facts: FileFacts | None = None
    quality: Quality | None = None
    error: NpvfError | None = None

    @property
    def status(self) -> int:
        """The exit status for this file."""
        if self.error is not None:
            return BROKEN
        return NOT_JUDGED if self.quality and self.quality.refused else 0

    def to_json(self) -> dict[str, Any]:
        """Return the facts, the quality list and the error, as far as there are some."""
        found: dict[str, Any] = self.facts.to_json() if self.facts else {"video": self.video}
        if self.quality:
            refused = str(self.quality.refused or "")
            found["quality"] = {"refused": refused, "marks": [asdict(mark) for mark in self.quality.marks]}
        return found | ({"error": _code(self.error)} if self.error else {})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help="a video file")
    parser.add_argument("--json", action="store_true", help="print JSON, with the whole box tree, instead of tables")
    parser.add_argument(
        "--trust",
        type=Path,
        metavar="FILE.pem",
        help="certificates of those whose Content Credentials are trusted (needs npvf[inspect]; default: nobody's)",
    )
    parser.add_argument(
        "--no-quality", action="store_true", help="leave out the quality list, for which the whole video is decoded"
    )
    parser.add_argument(
        "--phones",
        choices=("auto", *get_args(PhoneSource)),
        default="auto",
        help="the source of phone times for the quality list (default: %(default)s)",
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXPLANATION


def run(args: argparse.Namespace) -> int:
    """Inspect every file, print, and return the exit status: 2 if a file could not be read, else 3, else 0."""
    if args.trust:
        check_trust(args.trust)
    console, found = Console(), []
    for one in _inspect(args):
        found.append(one)
        if not args.json:
            _print(one, console)
    if args.json:
        print(json.dumps([one.to_json() for one in found], indent=2, ensure_ascii=False))
    statuses = {one.status for one in found}
    return next((status for status in (BROKEN, NOT_JUDGED) if status in statuses), 0)


def _inspect(args: argparse.Namespace) -> Iterator[Inspected]:
    """Inspect each file. An error in one file does not stop the others."""
    console = Console(stderr=True)
    with _quality_list(args) as measure:
        for number, video in enumerate(args.videos, 1):
            with console.status(escape(f"{Path(video).name} ({number} of {len(args.videos)})")):
                found = _one(video, args.trust, measure)
            if found.error:
                console.print(f"npvf: {video}: {found.error}", markup=False, highlight=False, soft_wrap=True)
            yield found


@contextmanager
def _quality_list(args: argparse.Namespace) -> Iterator[Callable[[Path, Streams], Quality] | None]:
    """Yield the function that measures the quality of a file; None with --no-quality."""
    if args.no_quality:
        yield None
        return
    from npvf.detect.conditions import ConditionSettings
    from npvf.detect.quality import quality
    from npvf.faces.landmarks import Landmarker
    from npvf.prepare.ingest import IngestSettings

    settings = IngestSettings(phones=args.phones, need_sound=False)
    with Landmarker(max_faces=settings.max_faces) as landmarker:
        yield partial(quality, landmarker=landmarker, ingest=settings, settings=ConditionSettings())


def _one(video: str, trust: Path | None, measure: Callable[[Path, Streams], Quality] | None) -> Inspected:
    facts = measured = None
    try:
        facts = inspect_file(video, trust)
        measured = measure(Path(video), facts.streams) if measure else None
    except MissingDependency:
        raise  # it would be missing for every other file as well
    except NpvfError as error:
        return Inspected(video, facts, error=error)
    except MemoryError:
        return Inspected(video, facts, error=Refused(Reason.MEMORY_LIMIT, f"{video} needs more memory than there is."))
    refused = measured.refused if measured else None
    return Inspected(video, facts, measured, refused if refused and refused.reason in BROKEN_FILE else None)


def _code(error: NpvfError) -> str:
    return str(error) if isinstance(error, Refused) else f"error: {error}"


def _print(found: Inspected, console: Console) -> None:
    console.print(f"[bold]{escape(found.video)}", highlight=False, soft_wrap=True)
    if found.facts:
        console.print(_facts(found.facts))
    if found.quality:
        console.print(_quality(found.quality))
    if found.error:
        console.print(f"[red]{escape(_code(found.error))}")
    console.print()


def _facts(facts: FileFacts) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in fact_rows(facts):
        table.add_row(name, escape(text))
    return table


def _quality(found: Quality) -> Table:
    table = Table("quality", "face", "value", "", "reason", box=None, pad_edge=False)
    for mark in found.marks:
        face = "" if mark.face is None else str(mark.face + 1)
        value = f"{mark.value:.3g} {mark.unit}"
        table.add_row(mark.name, face, value, f"[{STYLES[mark.level]}]{mark.level}", escape(mark.reason))
    if found.refused:
        table.add_row("faces", "", "", f"[{STYLES['bad']}]bad", escape(str(found.refused)))
    return table
