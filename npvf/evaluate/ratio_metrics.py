"""Likelihood ratios of an evaluation against the labels: Cllr and Tippett curves, for each finding and for the whole.

The whole is the score of a video: its log-odds at equal prior odds, without bounds. Sound and lips take no part, as a
label says whether a video is forged and not whether its audio belongs to its lips: `npvf calibrate` measures them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from scipy.special import logit

from npvf.detect.findings import FORGERY
from npvf.evaluate.results import RatioMetrics
from npvf.evaluate.video_scores import Row
from npvf.metrics.likelihood import cllr, cllr_min, tippett

WHOLE = "video"
Ratios = tuple[np.ndarray, np.ndarray]  # natural logarithms (N,), labels (N,)


def ratios_of(rows: Sequence[Row]) -> dict[str, Ratios]:
    """Return the log ratios and labels of the videos with a score, and of each finding; both classes, or left out."""
    scores = [(row.score, row.label) for row in rows if row.score is not None]
    found = {WHOLE: [(float(logit(np.clip(score, 1e-12, 1 - 1e-12))), label) for score, label in scores]}
    for name in FORGERY:
        found[name] = [(log(10) * row.findings[name], row.label) for row in rows if name in row.findings]
    return {
        name: (np.array([value for value, _ in pairs]), np.array([label for _, label in pairs]))
        for name, pairs in found.items()
        if len({label for _, label in pairs}) == 2
    }


def ratio_metrics(ratios: Mapping[str, Ratios]) -> dict[str, RatioMetrics]:
    """Return the metrics of each of `ratios_of`."""
    found = {}
    for name, (values_N, labels_N) in ratios.items():
        misleading_fake, misleading_real = tippett(values_N, labels_N).misleading
        found[name] = RatioMetrics(
            real=int((labels_N == 0).sum()),
            fake=int((labels_N == 1).sum()),
            cllr=cllr(values_N, labels_N),
            cllr_min=cllr_min(values_N, labels_N),
            misleading_fake=misleading_fake,
            misleading_real=misleading_real,
        )
    return found
