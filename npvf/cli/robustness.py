"""`npvf robustness VIDEOS --detector DIR`: measure a detector on perturbed videos."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from npvf.cli import options
from npvf.cli.perturb import add_choice, conditions
from npvf.detect.loading import from_pretrained
from npvf.evaluate.plots import need_matplotlib
from npvf.evaluate.robustness import RobustnessRecord, detector_hash, measure_robustness
from npvf.evaluate.robustness_page import auc_cell, write_results
from npvf.io.files import write_json
from npvf.io.urls import as_place
from npvf.metrics.bootstrap import Bootstrap
from npvf.models.device import choose_device
from npvf.perturb import GROUPS, add_routes, get_perturbation, list_perturbations


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "videos", type=as_place, metavar="VIDEOS", help="a folder, URL or CSV list of videos with labels 0 and 1"
    )
    parser.add_argument(
        "--detector",
        required=True,
        metavar="DIR",
        help="a detector folder, the name of shipped weights (npvf models list), the id of a hub repository, or the "
        "name of a baseline",
    )
    parser.add_argument(
        "--out",
        type=options.local,
        default=Path("runs/robustness"),
        help="the folder for the results (default: %(default)s)",
    )
    parser.add_argument(
        "--suite", nargs="+", choices=GROUPS, default=GROUPS, help="groups of perturbations (default: all)"
    )
    parser.add_argument(
        "--kind", action="append", metavar="NAME", help="one perturbation instead of --suite; may be repeated"
    )
    add_choice(parser)
    parser.add_argument(
        "--seed",
        type=options.not_negative,
        default=0,
        help="random seed of perturbations and intervals (default: %(default)s)",
    )
    parser.add_argument(
        "--bootstrap",
        type=options.not_negative,
        default=1000,
        metavar="N",
        help="bootstrap resamples; 0: no intervals (default: %(default)s)",
    )
    parser.add_argument("--keep", action="store_true", help="keep the perturbed videos in OUT/videos")
    parser.add_argument(
        "--plots", action=argparse.BooleanOptionalAction, default=True, help="draw curves (default: yes)"
    )
    parser.add_argument("--device", help=options.DEVICE)
    parser.epilog = (
        "Run the same command again to continue a run that was stopped. `npvf perturb --list` lists the perturbations."
    )


def run(args: argparse.Namespace) -> int:
    """Measure the detector, print a table, and write `robustness.csv`, `.md`, `.html` and curves."""
    if args.plots:
        need_matplotlib()
    if args.routes:
        add_routes(args.routes)
    chosen = [get_perturbation(name) for name in args.kind] if args.kind else list_perturbations(groups=args.suite)
    device = choose_device(args.device)
    predictor, identity = from_pretrained(args.detector, device), detector_hash(args.detector)
    bootstrap = Bootstrap(args.bootstrap, args.seed)
    columns = (BarColumn(), MofNCompleteColumn(), "scores", TimeElapsedColumn(), "left", TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("robustness", total=None)
        found = measure_robustness(
            args.videos,
            predictor,
            identity,
            args.out,
            conditions(chosen, args.levels, args.seed),
            keep=args.keep,
            bootstrap=bootstrap,
            on_score=lambda done, total: bar.update(task, completed=done, total=total),
        )
    record = RobustnessRecord(identity, args.seed, bootstrap)
    paths = write_results(found.results, record, args.out, args.plots)
    write_json(
        args.out / "settings.json", record.to_json() | {"videos": str(args.videos), "detector": str(args.detector)}
    )
    table = Table()
    for title in ("condition", "what", "AUC [95 %]", "judged", "not judged"):
        table.add_column(title, no_wrap=title == "condition", overflow="fold")
    for result in found.results:
        judged = f"{result.judged_real + result.judged_fake} of {result.real + result.fake}"
        table.add_row(result.condition, result.description, auc_cell(result), judged, result.reasons)
    console = Console()
    console.print(table)
    if found.left_out:
        note = f"{len(found.left_out)} videos without a label were left out, for example {found.left_out[0]}"
        console.print(note, highlight=False, markup=False)
    console.print(*(str(path) for path in paths[:3]), sep="  ", highlight=False, markup=False, soft_wrap=True)
    return 0
