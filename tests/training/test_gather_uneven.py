"""Metrics are of what all ranks have seen together, however unevenly it lies on them; never a mean of ranks' own."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from finetune.module import ClipLogits, by_video
from npvf.metrics.detection import auc
from tests.helpers.gather_rank import gather_on

pytestmark = pytest.mark.slow

SHARES = (slice(0, 5), slice(5, 12), slice(12, 12))  # clips of each rank: the last one has none


def all_clips() -> list[ClipLogits]:
    """Twelve clips of ten videos: reals on the first rank, none on the second; uneven numbers of segments."""
    rng = np.random.default_rng(0)
    labels = [1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1]
    videos = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "c", "f"]
    logits = [rng.normal(label, 1.5, size=1 + n % 3).round() for n, label in enumerate(labels)]
    said = zip(videos, labels, logits, strict=True)
    return [ClipLogits(f"{video}-{n:02d}", video, label, logit_K) for n, (video, label, logit_K) in enumerate(said)]


def test_every_rank_has_the_figure_of_one_process(tmp_path: Path) -> None:
    plain = [[(key, video, y, x.tolist()) for key, video, y, x in map(astuple, all_clips()[part])] for part in SHARES]
    torch.multiprocessing.spawn(gather_on, (tmp_path, plain), nprocs=len(SHARES))
    logits, labels = by_video(sorted(all_clips(), key=lambda clip: clip.key))
    assert auc(logits, labels) == pytest.approx(roc_auc_score(labels, logits), abs=1e-9)
    for rank in range(len(SHARES)):
        gathered = [ClipLogits(k, v, y, np.array(x)) for k, v, y, x in torch.load(tmp_path / f"{rank}.pt")]
        assert sorted(clip.key for clip in gathered) == sorted(clip.key for clip in all_clips())  # each once
        assert auc(*by_video(sorted(gathered, key=lambda clip: clip.key))) == auc(logits, labels)
    with pytest.raises(ValueError, match="both classes"):  # what the second rank alone would have had
        auc(*by_video(all_clips()[SHARES[1]]))
