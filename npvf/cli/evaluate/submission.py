"""`npvf evaluate --codabench OUT.zip`: scores for a challenge whose labels are not public, instead of metrics."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from npvf.cli.evaluate.outside import answers_for
from npvf.cli.evaluate.settings import EvaluateSettings
from npvf.detect.predictor import Predictor
from npvf.evaluate.codabench import DETECTION, LOCALIZATION, Submission, write_submission
from npvf.evaluate.outside.answers import filled
from npvf.evaluate.video_scores import all_rows, fill, prepared, score_corpus
from npvf.io.corpus import Corpus, HasManifest


def submit(
    settings: EvaluateSettings,
    corpus: HasManifest,
    predictor: Predictor | None,
    progress: Callable[[int], AbstractContextManager[Callable[[], object]]],
) -> str:
    """Score all videos of the selection, labelled or not, write the zip, and return a sentence about it.

    Args:
        settings: of the run.
        corpus: the videos.
        predictor: a detector of npvf, which also finds forged seconds; None: the detector or scores of others.
        progress: a progress bar of a number of clips.
    """
    assert settings.codabench is not None
    rows, path = all_rows(corpus, settings.selection("any", corpus)), Path(settings.codabench)
    if predictor is None:
        rows = filled(rows, answers_for(settings, corpus)(rows), 0.5)
        return _sentence(path, write_submission(path, rows, None))
    assert isinstance(corpus, Corpus)
    with progress(len(corpus)) as on_clip:
        scores = fill(rows, score_corpus(corpus, predictor, prepared(rows), on_clip), predictor)
    return _sentence(path, write_submission(path, scores.rows, scores.segments))


def _sentence(path: Path, made: Submission) -> str:
    text = f"{path}: {DETECTION} with {made.videos} videos, {made.not_judged} of them not judged and given 0.5"
    if made.proposals is None:
        return f"{text}; no {LOCALIZATION}, because scores of videos say nothing about seconds"
    return f"{text}; {LOCALIZATION} with {made.proposals} proposals"
