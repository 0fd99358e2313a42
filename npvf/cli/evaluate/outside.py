"""`npvf evaluate --from-scores FILE`, `--detector module:function` and `--detector 'cmd: ...'`: detectors of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from npvf.cli.evaluate.settings import EvaluateSettings
from npvf.errors import NpvfError
from npvf.evaluate.detection import Evaluation
from npvf.evaluate.outside.answers import Answer
from npvf.evaluate.outside.detectors import Limits
from npvf.evaluate.outside.listed_videos import LISTED, ListedVideos
from npvf.evaluate.outside.run import AnswersOf, evaluate_answers, from_detector, from_scores
from npvf.evaluate.outside.score_file import ScoreFile, read_score_file
from npvf.evaluate.row_metrics import MetricSettings
from npvf.evaluate.video_scores import Row
from npvf.io.corpus import Corpus, HasManifest, is_prepared
from npvf.io.urls import is_url

ANSWERS = "answers.csv"
"""The answers in the order in which they came: a run that is stopped leaves them, and --from-scores reads them."""
THRESHOLD = 0.5
_NOT_PREPARED = (
    "{} is a prepared corpus, and detectors of others look at video files. Name the videos as they are: a folder, a "
    ".csv list with a column 'path', or a public corpus with --reader NAME"
)


def corpus_of(settings: EvaluateSettings) -> HasManifest:
    """Return the corpus with the labels: prepared, plain videos, or the score file itself.

    Raises:
        NpvfError: it cannot be read, or it is not of the kind that the detector needs.
    """
    if not settings.is_outside:
        return Corpus(settings.place)
    if settings.corpus is None:
        return _score_file(settings)
    prepared = is_prepared(settings.corpus)
    if prepared and settings.from_scores:
        return Corpus(settings.corpus)
    if prepared:
        raise NpvfError(_NOT_PREPARED.format(settings.corpus))
    if is_url(settings.corpus):
        raise NpvfError(f"{settings.corpus} is a URL, and detectors of others look at files of this machine: copy them")
    return ListedVideos.read(Path(settings.corpus), settings.reader, hashes=settings.detector is not None)


def evaluate_outside(settings: EvaluateSettings, corpus: HasManifest) -> Evaluation:
    """Ask the detector about all videos, or take its scores from a file, and measure them."""
    threshold = THRESHOLD if settings.threshold is None else settings.threshold
    how, selection = metric_settings(settings, threshold), settings.selection("known", corpus)
    return evaluate_answers(corpus, answers_for(settings, corpus), selection, settings.group, how)


def answers_for(settings: EvaluateSettings, corpus: HasManifest) -> AnswersOf:
    """Return a function that gives rows their answers: from the score file, or by asking the detector."""
    if settings.from_scores:
        return from_scores(corpus if isinstance(corpus, ScoreFile) else _score_file(settings), corpus)
    assert settings.detector is not None and isinstance(corpus, ListedVideos)  # `corpus_of` has seen to it
    limits, out = Limits(settings.time_limit, settings.logits), settings.folder / ANSWERS
    detector, workers = settings.detector, settings.workers

    def ask(rows: Sequence[Row]) -> Mapping[str, Answer]:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task, misses = progress.add_task("videos", total=sum(row.status == LISTED for row in rows)), 0

            def on_answer(answer: Answer) -> None:
                nonlocal misses
                misses += answer.score is None
                progress.update(task, advance=1, description=f"videos, {misses} without a score")

            return from_detector(detector, limits, corpus, out, workers, on_answer)(rows)

    return ask


def metric_settings(settings: EvaluateSettings, threshold: float, seen: tuple[str, ...] = ()) -> MetricSettings:
    """Return how metrics are computed; `seen` are generators on a model card, which a flag replaces."""
    refused = settings.refused or ("worst" if settings.is_outside else "half")
    known = seen if settings.seen_generators is None else settings.seen_generators
    return MetricSettings(refused, settings.intervals, threshold, frozenset(known))


def _score_file(settings: EvaluateSettings) -> ScoreFile:
    assert settings.from_scores is not None
    return read_score_file(Path(settings.from_scores), settings.logits)
