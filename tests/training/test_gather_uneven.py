"""Metrics are of what all ranks have seen together, however unevenly it lies on them; never a mean of ranks' own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from npvf.detect.aggregate import ClipScore, DecisionSettings
from npvf.detect.fit_decision import LabelledScore, score_videos
from npvf.metrics.detection import auc
from tests.helpers.gather_rank import gather_on
from tests.helpers.ranks import run_ranks

pytestmark = pytest.mark.slow

SHARES = (slice(0, 5), slice(5, 12), slice(12, 12))  # clips of each rank: the last one has none


def all_clips() -> list[LabelledScore]:
    """Twelve clips of ten videos: reals on the first rank, none on the second; uneven numbers of segments."""
    rng = np.random.default_rng(0)
    labels = [1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1]
    videos = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "c", "f"]
    logits = [rng.normal(label, 1.5, size=1 + n % 3).round() for n, label in enumerate(labels)]
    said = zip(videos, labels, logits, strict=True)
    return [
        LabelledScore(ClipScore(f"{video}-t0-{n:03d}", video, 0, tuple(logit_K.tolist())), label, video)
        for n, (video, label, logit_K) in enumerate(said)
    ]


def figure(clips: list[LabelledScore]) -> float:
    videos = score_videos(sorted(clips, key=lambda clip: clip.score.key), DecisionSettings())
    return auc(videos.log_odds_N, videos.labels_N)


def test_every_rank_has_the_figure_of_one_process(tmp_path: Path) -> None:
    plain = [[(c.score.key, c.score.video, c.label, c.score.logits) for c in all_clips()[part]] for part in SHARES]
    run_ranks(gather_on, tmp_path, plain, world=len(SHARES))
    videos = score_videos(all_clips(), DecisionSettings())
    assert figure(all_clips()) == pytest.approx(roc_auc_score(videos.labels_N, videos.log_odds_N), abs=1e-9)
    for rank in range(len(SHARES)):
        rows = torch.load(tmp_path / f"{rank}.pt")
        gathered = [LabelledScore(ClipScore(k, v, 0, tuple(x)), y, v) for k, v, y, x in rows]
        assert sorted(c.score.key for c in gathered) == sorted(c.score.key for c in all_clips())  # each once
        assert figure(gathered) == figure(all_clips())
    with pytest.raises(ValueError, match="both classes"):  # what the second rank alone would have had
        figure(all_clips()[SHARES[1]])
