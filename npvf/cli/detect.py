"""`npvf detect VIDEO...`: one verdict for each file, as text, as JSON, or as a report."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from npvf.cli import options
from npvf.clip import PhoneSource
from npvf.detect.findings import QUESTIONS, evidence_text
from npvf.detect.known_person import KnownPerson
from npvf.detect.likelihood import SCALE
from npvf.detect.loading import from_pretrained
from npvf.detect.predictor import Predictor
from npvf.detect.verdict import Judgement
from npvf.errors import MissingDependency, NpvfError
from npvf.faces.landmarks import Landmarker
from npvf.models.device import choose_device
from npvf.prepare.ingest import DEFAULTS
from npvf.report.bundle import BundleSettings, verdicts_json, write_bundle
from npvf.report.faces import EXAMPLES
from npvf.report.mask_video import write_masks
from npvf.report.report import render_report, save_page
from npvf.report.stamp import check_authority

BROKEN, ABSTAINED = 2, 3
STYLES = {"fake": "bold red", "real": "bold green", "mismatch": "bold magenta", "abstain": "bold yellow"}
EXPLANATION = """\
--json prints a list with one object for each file, in the given order. If a file cannot be judged, its verdict is
"abstain" and its reason begins with a stable code (no_face: ..., silent_audio: ..., too_little_speech: ...). A file
that cannot be read is in the list, too (not_found, undecodable, bad_sidecar, memory_limit, error), and is reported
on stderr.
The verdict "mismatch" means that sound and lips do not fit each other, as in a dub. It is not a sign of a forgery.

exit status: 0 all files were judged; 3 at least one was not judged; 2 at least one could not be read.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help="a video file")
    parser.add_argument(
        "--detector",
        metavar="DIR",
        help="the folder of a detector, a localizer, or a fused detector (npvf fuse); the name of weights that npvf "
        "ships (npvf models list); the id of a hub repository; or the name of a baseline (default: the detector that "
        "npvf ships)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="also write an HTML report")
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="CASE.zip",
        help="also write report, JSON, settings and the SHA-256 of everything into one file (npvf verify checks it)",
    )
    parser.add_argument(
        "--timestamp",
        metavar="URL",
        help="have the manifest of the bundle stamped by this authority (RFC 3161); only its hash is sent",
    )
    parser.add_argument(
        "--masks",
        type=Path,
        metavar="FOLDER",
        help="write videos of the forged pixels of each face to FOLDER (default: beside the report)",
    )
    parser.add_argument(
        "--phones",
        choices=("auto", *get_args(PhoneSource)),
        default=DEFAULTS.phones,
        help="the source of phone times (default: %(default)s, the best source available)",
    )
    parser.add_argument(
        "--known-genuine",
        type=Path,
        metavar="FOLDER",
        help="genuine videos of the person who is shown: is the motion of the face like theirs? It does not change the "
        "verdict",
    )
    parser.add_argument("--device", help=options.DEVICE)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXPLANATION


def run(args: argparse.Namespace) -> int:
    """Judge every file, print, and return the exit status."""
    for option, file, example in (("--report", args.report, "report.html"), ("--bundle", args.bundle, "case.zip")):
        if file and file.is_dir():
            raise NpvfError(f"{file} is a folder: give {option} a file name, such as {example}")
    if args.timestamp and not args.bundle:
        raise NpvfError("--timestamp stamps the manifest of a bundle: give --bundle CASE.zip, too")
    if args.timestamp:
        check_authority(args.timestamp)
    device = choose_device(args.device)
    predictor = from_pretrained(args.detector, device)
    judgements = list(_judge(args, predictor))
    if args.json:
        print(verdicts_json(judgements))
    else:
        _print(judgements)
    if args.report or args.bundle:
        _write(judgements, predictor, args)
    return exit_status(judgements)


def exit_status(judgements: Sequence[Judgement]) -> int:
    """Return the exit status: 2 if a file could not be read, else 3 if a file was not judged, else 0."""
    if any(judgement.broken for judgement in judgements):
        return BROKEN
    return ABSTAINED if any(judgement.verdict.verdict == "abstain" for judgement in judgements) else 0


def _judge(args: argparse.Namespace, predictor: Predictor) -> Iterator[Judgement]:
    """Judge each file. An error in one file does not stop the others. Masks are written at once."""
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
        known = _known_person(args, landmarker, console) if args.known_genuine else None
        task = progress.add_task("detect", total=len(args.videos))
        for video in args.videos:
            progress.update(task, description=escape(Path(video).name))
            try:
                pictures = bool(args.report or args.bundle or args.masks)
                judgement = predictor.judge(video, args.phones, landmarker, pictures, known=known)
            except MissingDependency:
                raise  # it would be missing for every other file as well
            except NpvfError as error:
                judgement = Judgement.abstain(video, error, predictor.settings.name)
                if judgement.broken:
                    console.print(f"npvf: {video}: {error}", markup=False, highlight=False, soft_wrap=True)
            _keep_masks(judgement, folder)
            progress.advance(task)
            yield judgement


def _known_person(args: argparse.Namespace, landmarker: Landmarker, console: Console) -> KnownPerson:
    """Read the genuine videos, and say which were left out and why."""

    def report(video: Path, reason: str) -> None:
        if reason:
            console.print(f"npvf: {video} is left out: {reason}", markup=False, highlight=False, soft_wrap=True)

    with console.status(f"reading the genuine videos of {args.known_genuine.name}"):
        return KnownPerson.from_folder(args.known_genuine, landmarker, args.videos, report)


def _keep_masks(judgement: Judgement, folder: Path | None) -> None:
    if folder is None:
        judgement.masks = []
        return
    try:
        write_masks(judgement, folder)
    except OSError as error:
        raise NpvfError(f"the masks cannot be written: {error}") from error


def _print(judgements: Sequence[Judgement]) -> None:
    """Print a block for each file, and the scale of the evidence below."""
    console = Console()
    for judgement in judgements:
        verdict = judgement.verdict
        title = f"[bold]{escape(Path(verdict.video).name)}[/]: [{STYLES[verdict.verdict]}]{verdict.verdict}[/]"
        console.print(title, highlight=False, soft_wrap=True)
        facts = Table.grid("", "", padding=(0, 2))
        for name, text in _facts(judgement):
            facts.add_row(f"  {name}", escape(text))
        console.print(facts, highlight=False)
    if any(judgement.verdict.findings for judgement in judgements):
        scale = (
            f"LR above 1 supports a mismatch, a generator, a replaced face; below 1 the opposite. Evidence is {SCALE}"
        )
        console.print(scale, style="dim", highlight=False)


def _facts(judgement: Judgement) -> Iterator[tuple[str, str]]:
    """Yield what the block of a file lists, with its names; what is unknown is left out."""
    verdict = judgement.verdict
    yield "because", verdict.reason
    for found in verdict.findings:
        said = evidence_text(found) or found.reason
        yield QUESTIONS[found.name].title, f"{found.statement.replace('_', ' ')}; {said}"
    if verdict.known_person is not None:
        yield "known person", str(verdict.known_person)
    if verdict.fake_probability is not None:
        yield "probability", f"{verdict.fake_probability:.2f} of fake; fake from {verdict.threshold:.2f}"
    if verdict.audio_offset_s is not None:
        yield "audio offset", f"{verdict.audio_offset_s:+.2f} s"
    if worst := _worst_sound(judgement):
        yield "lowest agreement", worst
    if pixels := _forged_pixels(judgement):
        yield "forged pixels", pixels
    yield from (("changed first", change) for change in verdict.changed)
    yield from (("warning", warning) for warning in verdict.warnings)


def _forged_pixels(judgement: Judgement) -> str:
    """Return the forged area of the face with the largest one."""
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


def _write(judgements: Sequence[Judgement], predictor: Predictor, args: argparse.Namespace) -> None:
    """Write the report and the bundle, which contains the same report."""
    console = Console(stderr=True)
    try:
        with console.status("writing the report"):
            html = render_report(judgements, predictor, (args.report or args.bundle).parent)
            if args.report:
                save_page(html, args.report)
            if args.bundle:
                chosen = {name: getattr(args, name) for name in ("detector", "phones", "device", "masks", "timestamp")}
                digest = write_bundle(args.bundle, judgements, predictor, html, BundleSettings(chosen, args.timestamp))
    except OSError as error:
        raise NpvfError(f"the report cannot be written: {error}") from error
    if args.report:
        console.print(f"report: {args.report}", markup=False, highlight=False, soft_wrap=True)
    if args.bundle:
        console.print(
            f"bundle: {args.bundle}, manifest SHA-256 {digest}", markup=False, highlight=False, soft_wrap=True
        )
