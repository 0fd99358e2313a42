"""`npvf evaluate CORPUS`: how well a detector, a localizer or a pre-trained model does on a prepared corpus.

Each protocol writes one folder: `metrics.json`, `scores.csv`, `report.html`, and `config.yaml`, which does it again.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from npvf.audit.shortcuts import shortcuts
from npvf.cli.evaluate import settings as evaluate_settings
from npvf.cli.evaluate.outside import corpus_of, evaluate_outside, metric_settings
from npvf.cli.evaluate.settings import EvaluateSettings
from npvf.cli.evaluate.submission import submit
from npvf.cli.evaluate.tables import notes, tables_of
from npvf.corpora.splits import read_split
from npvf.detect.agreement import SETTINGS as AGREEMENT, AgreementPredictor
from npvf.detect.card import read_card
from npvf.detect.loading import UNTRAINED, from_pretrained, predictor_folder
from npvf.detect.localizer import Localizer
from npvf.detect.predictor import Predictor
from npvf.detect.scoring import ScoringSettings, embed_clip
from npvf.errors import NpvfError
from npvf.evaluate.baselines.mask_prior import NAME as PRIOR, MaskPrior, prior_for
from npvf.evaluate.detection import Evaluation, run_evaluation
from npvf.evaluate.pages import detection_page, segmentation_page, synchrony_page
from npvf.evaluate.plots import need_matplotlib, series_of, write_plots
from npvf.evaluate.provenance import Video, provenance, selected_videos
from npvf.evaluate.ratio_metrics import ratios_of
from npvf.evaluate.results import Report, RunRecord
from npvf.evaluate.segmentation import FindsPixels, evaluate_segmentation
from npvf.evaluate.sync import evaluate_synchrony
from npvf.evaluate.video_scores import SegmentRow
from npvf.io.corpus import Corpus, HasManifest
from npvf.metrics.sync_protocol import Settings
from npvf.models.device import choose_device
from npvf.models.npv.npv import NPV
from npvf.version import __version__

METRICS, SCORES, PAGE, CONFIG = "metrics.json", "scores.csv", "report.html", "config.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    evaluate_settings.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print metrics.json instead of a table")
    parser.epilog = "Without --detector, --localizer or --pretrained, only the baselines of synchrony are measured."


def run(args: argparse.Namespace) -> int:
    """Evaluate, write everything into one folder, and print."""
    settings = EvaluateSettings.of(args)
    if settings.codabench:
        predictor = None if settings.is_outside else _predictor(settings)
        print(submit(settings, corpus_of(settings), predictor, _progress))
        return 0
    protocols = {"detection": _detection, "segmentation": _segmentation, "synchrony": _synchrony}
    report, record = protocols[settings.measures](settings, corpus_of(settings))
    if args.json:
        print(json.dumps(report.to_json() | record.to_json(), indent=2))
        return 0
    console = Console()
    for table in tables_of(report):
        console.print(table)
    files = "  ".join(str(settings.folder / name) for name in (PAGE, METRICS, SCORES, CONFIG))
    for line in (*notes(report, record), files):
        console.print(line, highlight=False, markup=False)
    return 0


def _detection(settings: EvaluateSettings, corpus: HasManifest) -> tuple[Report, RunRecord]:
    if settings.plots:
        need_matplotlib()
    found = evaluate_outside(settings, corpus) if settings.is_outside else _evaluate_own(settings, _prepared(corpus))
    if settings.shortcuts and isinstance(corpus, Corpus):
        found.report.shortcuts = shortcuts(corpus, settings.selection("known", corpus), settings.intervals)
    record = _record(settings, corpus, found.scores.rows)
    _write(found.report, record, settings)
    _write_scores(found, settings.folder)
    series, ratios = series_of(found.kept, found.trimmed), ratios_of(found.scores.rows)
    plots = write_plots(series, settings.folder, ratios) if settings.plots else []
    _write_page(settings, detection_page(found.report, record, found.scores.rows, plots))
    return found.report, record


def _evaluate_own(settings: EvaluateSettings, corpus: Corpus) -> Evaluation:
    """Evaluate a detector or encoder of npvf."""
    predictor = _predictor(settings)
    how = metric_settings(settings, predictor.settings.threshold, _seen(settings))
    selection = settings.selection("known", corpus)
    with _progress(len(corpus)) as on_clip:
        return run_evaluation(corpus, predictor, selection, settings.silence, settings.group, how, on_clip)


def _seen(settings: EvaluateSettings) -> tuple[str, ...]:
    """Return the generators on the model card of the detector."""
    folder = model_of(settings)
    return () if folder is None else read_card(predictor_folder(folder)).generators


def _segmentation(settings: EvaluateSettings, found: HasManifest) -> tuple[Report, RunRecord]:
    corpus = _prepared(found)
    selection = settings.selection("known", corpus)
    prior = prior_for(settings.prior_from, corpus, selection)
    localizer = _localizer(settings, prior)
    beside = None if localizer is prior else prior
    with _progress(len(corpus)) as on_clip:
        report, rows = evaluate_segmentation(
            corpus, localizer, selection, settings.group, settings.intervals, on_clip, beside
        )
    if prior is not None:
        prior.save_pretrained(settings.folder / PRIOR)
    record = _record(settings, corpus, rows)
    _write(report, record, settings)
    _write_table([row.flat() for row in rows], settings.folder / SCORES)
    _write_page(settings, segmentation_page(report, record, rows))
    return report, record


def _localizer(settings: EvaluateSettings, prior: MaskPrior | None) -> FindsPixels:
    """The localizer that is measured, or the constant mask itself."""
    assert settings.localizer is not None  # checked by EvaluateSettings
    if settings.localizer != PRIOR:
        return Localizer.from_pretrained(settings.localizer, _device(settings), threshold=settings.threshold)
    if prior is None:
        raise NpvfError(
            f"{settings.corpus} has no training split with masks to fit the constant mask on: "
            "name a prepared corpus of other people with --prior-from"
        )
    return prior


def _synchrony(settings: EvaluateSettings, found: HasManifest) -> tuple[Report, RunRecord]:
    corpus = _prepared(found)
    folder = model_of(settings)
    embed = partial(embed_clip, _model(settings, folder)) if folder else None
    protocol = Settings(
        segments=settings.segments,
        seed=settings.seed,
        bootstrap=settings.intervals,
        swap_reach=settings.swap_reach,
    )
    selection = settings.selection("unforged", corpus)
    with _progress(len(corpus)) as on_clip:
        report, rows = evaluate_synchrony(
            corpus, embed, selection, settings.baseline, settings.group, protocol, on_clip
        )
    record = _record(settings, corpus, selected_videos(corpus, selection))
    _write(report, record, settings)
    _write_table(rows, settings.folder / SCORES)
    _write_page(settings, synchrony_page(report, record, rows))
    return report, record


def _predictor(settings: EvaluateSettings) -> Predictor:
    """Load the model that is measured, with the threshold that was asked for."""
    if settings.detector:
        return from_pretrained(
            settings.detector,
            _device(settings),
            threshold=settings.threshold,
            scoring__segments=settings.segments_per_clip,
        )
    assert settings.pretrained is not None  # EvaluateSettings has seen to it
    return AgreementPredictor(
        _model(settings, settings.pretrained),
        scoring=ScoringSettings(segments=settings.segments_per_clip),
        settings=AGREEMENT.configured(threshold=settings.threshold),
    )


def _model(settings: EvaluateSettings, folder: str) -> NPV:
    model = NPV.from_pretrained(folder).to(_device(settings))
    model.config = model.config.configured(inputs__gate=settings.gate)
    return model


def model_of(settings: EvaluateSettings) -> str | None:
    """The folder whose weights the result depends on."""
    if settings.detector in UNTRAINED or settings.localizer == PRIOR or (settings.detector and settings.is_outside):
        return None
    return settings.detector or settings.localizer or settings.pretrained or settings.from_scores


def _device(settings: EvaluateSettings) -> str:
    return choose_device(settings.device)


def _prepared(corpus: HasManifest) -> Corpus:
    assert isinstance(corpus, Corpus)  # only detectors of others take another one
    return corpus


def _record(settings: EvaluateSettings, corpus: HasManifest, videos: Sequence[Video]) -> RunRecord:
    return RunRecord(
        npvf=__version__,
        name=settings.name or settings.folder.name,
        command=f"npvf evaluate --config {settings.folder / CONFIG}",
        bootstrap=settings.bootstrap,
        seed=settings.seed,
        settings=settings.to_json(),
        provenance=provenance(corpus, videos, model_of(settings)),
        split_file=read_split(settings.split_file).describe() if settings.split_file else None,
    )


def _write(report: Report, record: RunRecord, settings: EvaluateSettings) -> None:
    settings.folder.mkdir(parents=True, exist_ok=True)
    content = report.to_json() | record.to_json()
    (settings.folder / METRICS).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (settings.folder / CONFIG).write_text(settings.to_yaml(), encoding="utf-8")


def _write_page(settings: EvaluateSettings, page: str) -> None:
    (settings.folder / PAGE).write_text(page, encoding="utf-8")


def _write_scores(found: Evaluation, folder: Path) -> None:
    """The scores of videos and segments, of whole and of trimmed clips."""
    for scores, suffix in ((found.kept, ""), (found.trimmed, "_trimmed")):
        if scores is not None:
            _write_table([asdict(row) for row in scores.rows], folder / f"scores{suffix}.csv")
            columns = list(SegmentRow.__slots__)
            _write_table([asdict(segment) for segment in scores.segments], folder / f"segments{suffix}.csv", columns)


def _write_table(rows: Sequence[dict[str, Any]], path: Path, columns: Sequence[str] = ()) -> None:
    """A CSV; cells with more than one value hold JSON."""
    rows = [
        {k: json.dumps(v, ensure_ascii=False) if isinstance(v, dict | list) else v for k, v in row.items()}
        for row in rows
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@contextmanager
def _progress(clips: int) -> Iterator[Callable[[], object]]:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("clips", total=clips)
        yield lambda: progress.advance(task)
