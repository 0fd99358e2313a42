"""`npvf calibrate CORPUS --detector DIR --out DIR`: fit the likelihood ratios and thresholds of a detector."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from npvf.cli import options
from npvf.data.selection import Selection
from npvf.detect.assemble import Assembly
from npvf.detect.detector import Detector
from npvf.detect.findings import NAMES, SOUND_AND_LIPS
from npvf.detect.likelihood import SCALE
from npvf.errors import NpvfError
from npvf.evaluate.fit_findings import fit_ratio, need_apart, observe_sound, observe_videos, with_thresholds
from npvf.io.corpus import Corpus
from npvf.io.urls import as_place
from npvf.models.device import choose_device

EPILOG = """\
Sound and lips are fitted on genuine clips, with their own audio against that of others: no forgery is needed. The
other findings need labelled videos. The thresholds come from the genuine videos of --genuine, which must show other
people than CORPUS: at most 1 % of them are called fake. With fewer than 100 of them that is none, and what they support
is written beside the threshold ("at most 9.5 % false alarms"). A mismatch accuses nobody, and its harmless causes are
named: it may be stated of 10 % of them.

A method of your own is added with --add, such as a localizer beside the methods of the detector that npvf ships:
  npvf calibrate data/val --detector people-v1 --add picture=runs/localize/lite/localizer --genuine data/genuine --out d
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("corpus", type=as_place, help="a corpus made by `npvf prepare`, of people used in no training")
    parser.add_argument(
        "--detector", metavar="DIR", help="the folder of a Detector, or the name of one that npvf ships"
    )
    parser.add_argument(
        "--add",
        nargs="+",
        default=[],
        type=_method,
        metavar="FINDING=DIR",
        help="add a method that the detector does not have, or make one of several: sound_and_lips= the folder of "
        "a detector of lips and audio, mouth_motion= one of `npvf motion`, picture= a localizer",
    )
    parser.add_argument(
        "--out", type=options.local, required=True, metavar="DIR", help="the folder of the fitted detector"
    )
    parser.add_argument(
        "--findings", nargs="*", choices=NAMES, help="the ratios to fit (default: those of --add, or all)"
    )
    parser.add_argument("--split", help="only videos whose `split` is this")
    parser.add_argument("--include", nargs="+", default=["*"], metavar="PATTERN", help="only videos with such names")
    parser.add_argument("--exclude", nargs="+", default=[], metavar="PATTERN", help="no videos with such names")
    parser.add_argument(
        "--genuine", type=as_place, metavar="CORPUS", help="prepared genuine videos, for the thresholds"
    )
    parser.add_argument("--genuine-split", metavar="SPLIT", help="only genuine videos whose `split` is this")
    parser.add_argument("--device", help=options.DEVICE)
    parser.add_argument("--json", action="store_true", help="print the result as JSON instead of a table")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG


def run(args: argparse.Namespace) -> int:
    """Score, fit, write the folder, and print what was fitted."""
    if args.out.exists() and any(args.out.iterdir()):
        raise NpvfError(f"{args.out} is not empty: remove it, or choose another folder with --out")
    assembly = Assembly(args.detector, dict(args.add))
    detector = assembly.load(choose_device(args.device))
    corpus = Corpus(args.corpus)
    chosen = Selection(speakers_only=False, split=args.split, include=tuple(args.include), exclude=tuple(args.exclude))
    genuine = Selection(speakers_only=False, label="unforged", split=args.genuine_split)
    if args.genuine:
        need_apart(corpus, Corpus(args.genuine), (chosen, genuine))
    findings = ([*assembly.added] or None) if args.findings is None else args.findings
    figures: dict[str, Any] = _fit_ratios(detector, corpus, chosen, findings)
    if args.genuine:
        with _progress() as on_clip:
            _, evidence, mismatch = observe_videos(Corpus(args.genuine), detector, genuine, on_clip)
        detector = with_thresholds(detector, evidence, mismatch)
    record = {"calibrated_on": str(args.corpus), "split": args.split, "genuine": str(args.genuine or ""), **figures}
    record["fake_from"] = f"{detector.settings.threshold:.3f}: {detector.settings.false_alarms}"
    record["mismatch_from"] = f"{detector.settings.mismatch:.3f}: {detector.settings.mismatch_alarms}"
    assembly.copy(args.out)
    detector.save_settings(args.out, record)
    if args.json:
        print(json.dumps({**record, "settings": detector.settings.to_json()}, indent=2))
    else:
        _print(detector, figures, args.out)
    return 0


def _method(text: str) -> tuple[str, Path]:
    """`picture=DIR` of `--add`."""
    name, equals, folder = text.partition("=")
    if not equals or not folder or name not in NAMES:
        raise argparse.ArgumentTypeError(f"{text!r}: write {', '.join(f'{one}=DIR' for one in NAMES)}")
    return name, Path(folder)


def _fit_ratios(
    detector: Detector, corpus: Corpus, chosen: Selection, findings: Sequence[str] | None
) -> dict[str, Any]:
    """Replace the likelihood ratios of some findings; return what was measured, by finding."""
    wanted = [name for name in detector.parts if findings is None or name in findings]
    figures: dict[str, Any] = {}
    if SOUND_AND_LIPS in wanted:
        with _progress() as on_clip:
            seen = observe_sound(corpus, detector, chosen, on_clip)
        detector.likelihood[SOUND_AND_LIPS], figures[SOUND_AND_LIPS] = fit_ratio(seen, SOUND_AND_LIPS)
    if rest := [name for name in wanted if name != SOUND_AND_LIPS]:
        with _progress() as on_clip:
            by_finding, _, _ = observe_videos(corpus, detector, chosen, on_clip)
        for name in rest:
            detector.likelihood[name], figures[name] = fit_ratio(by_finding[name], name)
    return figures


def _print(detector: Detector, figures: dict[str, Any], out: Path) -> None:
    table = Table("", *figures, title="Likelihood ratios")
    table.add_row("first, second proposition", *("{}, {} videos".format(*one["videos"]) for one in figures.values()))
    table.add_row("people", *("{}, {}".format(*one["people"]) for one in figures.values()))
    table.add_row("Cllr, on people held out of the fit", *(f"{one['cllr']:.3f}" for one in figures.values()))
    table.add_row("Cllr after the best calibration", *(f"{one['cllr_min']:.3f}" for one in figures.values()))
    table.add_row("bounds of log10 LR", *("{:+.2f} to {:+.2f}".format(*one["bounds"]) for one in figures.values()))
    console = Console()
    console.print(table)
    settings = detector.settings
    for line in (
        f"strength in words: {SCALE}",
        f"fake from {settings.threshold:.3f}: {settings.false_alarms}",
        f"mismatch from {settings.mismatch:.3f}: {settings.mismatch_alarms}",
        str(out),
    ):
        console.print(line, highlight=False, markup=False)


@contextmanager
def _progress() -> Iterator[Callable[[], object]]:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("clips", total=None)
        yield lambda: progress.advance(task)
