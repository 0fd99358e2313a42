"""`npvf detect VIDEO... --detector DIR`: one verdict a file, as a table, as JSON, as a report to read."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from npvf.cli import options
from npvf.clip import PhoneSource
from npvf.detect.evidence import Judgement
from npvf.detect.loading import AnyDetector, load_detector
from npvf.errors import MissingDependency, NpvfError
from npvf.faces.landmarks import Landmarker
from npvf.prepare.ingest import DEFAULTS
from npvf.report.mask_video import write_masks
from npvf.report.report import EXAMPLES, write_report

BROKEN, ABSTAINED = 2, 3
STYLES = {"fake": "bold red", "real": "bold green", "abstain": "bold yellow"}
EXPLANATION = """\
--json prints a list with one object a file, in the order given. A file that cannot be judged is there too: its verdict
is "abstain", and its reason begins with a stable code (no_face: ..., silent_audio: ..., too_little_speech: ...). So is
a file that cannot be read (not_found, undecodable, bad_sidecar, error), which is an error on stderr besides.

exit status: 0 every file has a verdict; 3 at least one was not judged; 2 at least one could not be read.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help="a video file")
    parser.add_argument(
        "--detector",
        required=True,
        metavar="DIR",
        help="a folder of a detector, of a localizer, or of both, as npvf fuse makes it; or a hub repository's id",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="also write a report to read and print")
    parser.add_argument(
        "--masks",
        type=Path,
        metavar="FOLDER",
        help="for a video of each face's forged pixels, where the detector finds any (default: beside the report)",
    )
    parser.add_argument(
        "--phones",
        choices=("auto", *get_args(PhoneSource)),
        default=DEFAULTS.phones,
        help="who says which sound is when (default: %(default)s, the best there is)",
    )
    parser.add_argument("--device", help=options.DEVICE)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXPLANATION


def run(args: argparse.Namespace) -> int:
    """Judge every file, print, and return the exit status."""
    if args.report and args.report.is_dir():
        raise NpvfError(f"{args.report} is a folder: --report names the file to write, such as report.html")
    device = options.device(args.device)
    detector = load_detector(args.detector, device)
    judgements = list(_judge(args, detector))
    if args.json:
        print(json.dumps([_rounded(j.verdict.to_json()) for j in judgements], indent=2, ensure_ascii=False))
    else:
        Console().print(_table(judgements))
    if args.report:
        _write(judgements, detector, args.report)
    return exit_status(judgements)


def exit_status(judgements: Sequence[Judgement]) -> int:
    """A broken file outweighs one that was not judged."""
    if any(judgement.broken for judgement in judgements):
        return BROKEN
    return ABSTAINED if any(judgement.verdict.verdict == "abstain" for judgement in judgements) else 0


def _judge(args: argparse.Namespace, detector: AnyDetector) -> Iterator[Judgement]:
    """One judgement a file; a file that fails does not stop the others. Masks are written as they come."""
    folder = args.masks or (args.report and args.report.with_name(f"{args.report.stem}-masks"))
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with (
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
        Landmarker(max_faces=DEFAULTS.max_faces) as landmarker,
    ):
        task = progress.add_task("detect", total=len(args.videos))
        for video in args.videos:
            progress.update(task, description=escape(Path(video).name))
            try:
                judgement = detector.judge(video, args.phones, landmarker)
            except MissingDependency:
                raise  # it would be missing for every other file as well
            except NpvfError as error:
                judgement = Judgement.abstain(video, error, detector.settings.name)
                if judgement.broken:
                    console.print(f"npvf: {video}: {error}", markup=False, highlight=False, soft_wrap=True)
            _keep_masks(judgement, folder)
            progress.advance(task)
            yield judgement


def _keep_masks(judgement: Judgement, folder: Path | None) -> None:
    if folder is None:
        judgement.masks = []
        return
    try:
        write_masks(judgement, folder)
    except OSError as error:
        raise NpvfError(f"the masks cannot be written: {error}") from error


def _table(judgements: Sequence[Judgement]) -> Table:
    table = Table()
    for title in ("video", "verdict", "fake", "offset", "reason", "most suspicious sound", "forged pixels"):
        table.add_column(title, overflow="fold")  # a name cut short names nothing
    for judgement in judgements:
        verdict = judgement.verdict
        probability, offset = verdict.fake_probability, verdict.audio_offset_s
        table.add_row(
            escape(Path(verdict.video).name),
            f"[{STYLES[verdict.verdict]}]{verdict.verdict}",
            "" if probability is None else f"{probability:.2f}",
            "" if offset is None else f"{offset:+.2f} s",
            escape(verdict.reason),
            _worst_sound(judgement),
            _forged_pixels(judgement),
        )
    return table


def _forged_pixels(judgement: Judgement) -> str:
    """Of the face that shows most."""
    areas = [(track.forged_area, track.id) for track in judgement.verdict.tracks if track.forged_area is not None]
    if not areas:
        return ""
    area, number = max(areas)
    return f"{area:.0f} % of face {number + 1}"


def _worst_sound(judgement: Judgement) -> str:
    for sound, _ in judgement.suspects(1):
        word = f" ({EXAMPLES[sound.phone]})" if sound.phone in EXAMPLES else ""
        return f"{sound.phone}{word} at {sound.start:.2f} s: {sound.agreement:+.2f}"
    return ""


def _write(judgements: Sequence[Judgement], detector: AnyDetector, path: Path) -> None:
    try:
        write_report(judgements, detector, path)
    except OSError as error:
        raise NpvfError(f"the report cannot be written: {error}") from error
    Console(stderr=True).print(f"report: {path}", markup=False, highlight=False, soft_wrap=True)


def _rounded(value: Any) -> Any:
    """Every number in a piece of JSON to four digits behind the point."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
