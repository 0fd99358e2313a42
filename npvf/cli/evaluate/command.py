"""`npvf evaluate CORPUS`: measure a detector (detection), a localizer (segmentation), or an encoder (synchrony)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import Progress

from npvf.audit.shortcuts import shortcuts
from npvf.cli import options
from npvf.cli.evaluate import settings as evaluate_settings
from npvf.cli.evaluate.files import CONFIG, METRICS, PAGE, SCORES, write_evaluation, write_report, write_table
from npvf.cli.evaluate.segmentation import localization_notes, localization_table
from npvf.cli.evaluate.settings import EvaluateSettings
from npvf.cli.evaluate.tables import detection_table, notes, synchrony_table
from npvf.corpora.splits import read_split
from npvf.detect.agreement import AgreementScorer
from npvf.detect.detector import Detector
from npvf.detect.loading import AnyDetector
from npvf.detect.localizer import Localizer
from npvf.detect.scoring import ScoringSettings, embed_clip
from npvf.evaluate.baselines.frames import FrameScorer
from npvf.evaluate.baselines.loading import UNTRAINED, load_scorer
from npvf.evaluate.detection import run_evaluation
from npvf.evaluate.figures import How
from npvf.evaluate.plots import need_matplotlib
from npvf.evaluate.provenance import provenance
from npvf.evaluate.segmentation import evaluate_localization
from npvf.evaluate.sync import evaluate_synchrony
from npvf.evaluate.video_scores import Scorer
from npvf.io.corpus import Corpus
from npvf.metrics.sync_protocol import Settings
from npvf.models.npv.npv import NPV
from npvf.version import __version__


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    evaluate_settings.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print metrics.json instead of a table")
    parser.epilog = "Without --detector, --localizer or --pretrained, only the baseline of synchrony is measured."


def run(args: argparse.Namespace) -> int:
    """Evaluate, write everything into one folder, and print."""
    settings = EvaluateSettings.of(args)
    corpus = Corpus(settings.corpus)
    measures = {"detection": _detection, "localization": _localization, "synchrony": _synchrony}
    report, table, files = measures[settings.measures](settings, corpus)
    if args.json:
        print(json.dumps(report, indent=2))
        return 0
    console = Console()
    console.print(table)
    said = localization_notes if settings.measures == "localization" else notes
    for line in (*said(report), "  ".join(str(settings.folder / name) for name in files)):
        console.print(line, highlight=False, markup=False)
    return 0


def _detection(settings: EvaluateSettings, corpus: Corpus) -> tuple[dict[str, Any], RenderableType, list[str]]:
    if settings.plots:
        need_matplotlib()
    scorer, threshold = _scorer(settings)
    how = How(settings.refused, settings.intervals, threshold)
    selection = settings.selection("known")
    with _progress(corpus) as on_clip:
        found = run_evaluation(corpus, scorer, selection, settings.silence, settings.group, how, on_clip)
    if settings.shortcuts:
        traits = shortcuts(corpus, selection, settings.intervals)
        found.report["shortcuts"] = [trait.to_json() for trait in traits]
    found.report |= _setup(settings) | {"provenance": provenance(corpus, found.scores.rows, model_of(settings))}
    write_report(found.report, settings.to_yaml(), settings.folder)
    write_evaluation(found, settings.folder, settings.plots)
    return found.report, detection_table(found.report), [PAGE, METRICS, SCORES, CONFIG]


def _localization(settings: EvaluateSettings, corpus: Corpus) -> tuple[dict[str, Any], RenderableType, list[str]]:
    assert settings.localizer is not None  # EvaluateSettings has seen to it
    localizer = Localizer.from_pretrained(settings.localizer, _device(settings))
    if settings.threshold is not None:
        localizer.settings = replace(localizer.settings, threshold=settings.threshold)
    with _progress(corpus) as on_clip:
        report, rows = evaluate_localization(
            corpus, localizer, settings.selection("known"), settings.group, settings.intervals, on_clip
        )
    report |= _setup(settings) | {"provenance": provenance(corpus, rows, settings.localizer)}
    write_report(report, settings.to_yaml(), settings.folder)
    write_table([row.flat() for row in rows], settings.folder / SCORES)
    return report, localization_table(report), [METRICS, SCORES, CONFIG]


def _synchrony(settings: EvaluateSettings, corpus: Corpus) -> tuple[dict[str, Any], RenderableType, list[str]]:
    folder = model_of(settings)
    embed = partial(embed_clip, _model(settings, folder)) if folder else None
    protocol = Settings(
        segments=settings.segments,
        seed=settings.seed,
        bootstrap=settings.intervals,
        swap_reach=settings.swap_reach,
    )
    with _progress(corpus) as on_clip:
        report, rows = evaluate_synchrony(
            corpus, embed, settings.selection("unforged"), settings.baseline, settings.group, protocol, on_clip
        )
    report = {**_setup(settings), **report}
    write_report(report, settings.to_yaml(), settings.folder)
    write_table(rows, settings.folder / SCORES)
    return report, synchrony_table(report), [METRICS, SCORES, CONFIG]


def _scorer(settings: EvaluateSettings) -> tuple[Scorer, float]:
    """Load the model that is measured. Returns its scorer and its threshold of the probability of fake."""
    if settings.detector:
        scorer = load_scorer(settings.detector, _device(settings))
        if isinstance(scorer, Detector):
            scoring = scorer.settings.scoring
            segments = settings.segments_per_clip or scoring.segments
            scorer.settings = replace(scorer.settings, scoring=replace(scoring, segments=segments))
        own = scorer.settings.threshold if isinstance(scorer, AnyDetector | FrameScorer) else 0.5
        return scorer, own if settings.threshold is None else settings.threshold
    assert settings.pretrained is not None  # EvaluateSettings has seen to it
    agreement = AgreementScorer(
        _model(settings, settings.pretrained), settings=ScoringSettings(segments=settings.segments_per_clip)
    )
    return agreement, 0.5 if settings.threshold is None else settings.threshold


def _model(settings: EvaluateSettings, folder: str) -> NPV:
    model = NPV.from_pretrained(folder).to(_device(settings))
    model.config = model.config.configured(inputs__gate=settings.gate)
    return model


def model_of(settings: EvaluateSettings) -> str | None:
    """The folder whose weights the result depends on."""
    return None if settings.detector in UNTRAINED else settings.detector or settings.localizer or settings.pretrained


def _device(settings: EvaluateSettings) -> str:
    return options.device(settings.device)


def _setup(settings: EvaluateSettings) -> dict[str, Any]:
    """Return the settings of the run, as metrics.json holds them."""
    split = {"split_file": read_split(settings.split_file).describe()} if settings.split_file else {}
    return split | {
        "npvf": __version__,
        "name": settings.name or settings.folder.name,
        "command": f"npvf evaluate --config {settings.folder / CONFIG}",
        "bootstrap": settings.bootstrap,
        "seed": settings.seed,
        "settings": settings.to_json(),
    }


@contextmanager
def _progress(corpus: Corpus) -> Iterator[Callable[[], object]]:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("clips", total=len(corpus))
        yield lambda: progress.advance(task)
