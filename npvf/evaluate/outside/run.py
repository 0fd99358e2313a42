"""The detection protocol for detectors of others: the rows and metrics of their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from npvf.data.selection import Selection
from npvf.evaluate.detection import Evaluation, Grouping, detection_metrics_of, unlabelled
from npvf.evaluate.outside.answers import Answer, AnswerFile, ask_all, askable, filled
from npvf.evaluate.outside.detectors import Limits, outside_detector
from npvf.evaluate.outside.listed_videos import LISTED, ListedVideos
from npvf.evaluate.outside.score_file import ScoreFile
from npvf.evaluate.results import DetectionReport
from npvf.evaluate.row_metrics import MetricSettings
from npvf.evaluate.video_scores import Row, Scores, blank_rows
from npvf.io.corpus import HasManifest

AnswersOf = Callable[[Sequence[Row]], Mapping[str, Answer]]


def evaluate_answers(
    corpus: HasManifest, answers_of: AnswersOf, selection: Selection, group: Grouping, settings: MetricSettings
) -> Evaluation:
    """Measure answers on the labelled videos of a corpus, which need not be prepared.

    Args:
        corpus: with the labels.
        answers_of: gives the rows of the selection their answers (`from_detector`, `from_scores`).
        selection: which videos.
        group: the unit that the bootstrap draws, see `detection_metrics_of`.
        settings: how metrics are computed.

    Raises:
        NpvfError: as `blank_rows` and `detection_metrics_of`.
    """
    rows = blank_rows(corpus, selection)
    rows = filled(rows, answers_of(rows), settings.threshold)
    main = detection_metrics_of(rows, (), group, settings)
    report = DetectionReport(silence="kept", main=main, trimmed=None, unlabelled=unlabelled(corpus, selection))
    return Evaluation(report, Scores(rows, []), None)


def from_detector(
    detector: str,
    limits: Limits,
    videos: ListedVideos,
    out: Path,
    workers: int = 1,
    on_answer: Callable[[Answer], object] = lambda answer: None,
) -> AnswersOf:
    """Return a function that asks a detector (`outside_detector`); each answer is in the file `out` at once."""

    def ask(rows: Sequence[Row]) -> Mapping[str, Answer]:
        with AnswerFile(out) as file:

            def keep(answer: Answer) -> None:
                file.write(answer)
                on_answer(answer)

            return ask_all(
                lambda: outside_detector(detector, limits), dict(askable(rows, videos.files, LISTED)), workers, keep
            )

    return ask


def from_scores(scores: ScoreFile, corpus: HasManifest) -> AnswersOf:
    """Return a function that takes the answers from a score file, by id or by path."""
    files = corpus.files if isinstance(corpus, ListedVideos) else {}
    return lambda rows: scores.of({row.video: files.get(row.video, Path(row.video)) for row in rows})
