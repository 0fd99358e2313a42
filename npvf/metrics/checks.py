"""Checks of scores and labels that every metric makes, with errors that say what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def check_scores(scores: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Scores as (N,) float64 and labels as (N,) int64, or a ValueError that says what is wrong; see `auc`."""
    scores_N, labels_N = to_numpy(scores), to_numpy(labels)
    if scores_N.ndim != 1 or scores_N.shape != labels_N.shape:
        raise ValueError(f"scores and labels must be (N,) of one length, not {scores_N.shape} and {labels_N.shape}")
    if scores_N.dtype.kind != "f":
        raise ValueError(f"scores are {scores_N.dtype}, so already thresholded: pass the raw probabilities")
    if not np.isfinite(scores_N).all():
        raise ValueError(f"{(~np.isfinite(scores_N)).sum()} of {len(scores_N)} scores are NaN or infinite")
    if not np.isin(labels_N, (0, 1)).all():
        raise ValueError(f"labels must be 0 (real) or 1 (fake), not {sorted(set(labels_N.tolist()) - {0, 1})}")
    fakes = int((labels_N == 1).sum())
    if not 0 < fakes < len(labels_N):
        raise ValueError(f"both classes are needed, there are {len(labels_N) - fakes} real and {fakes} fake items")
    return scores_N.astype(np.float64), labels_N.astype(np.int64)


def check_probabilities(scores: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """`check_scores`, and a ValueError where a score is outside [0, 1]."""
    scores_N, labels_N = check_scores(scores, labels)
    if scores_N.min() < 0 or scores_N.max() > 1:
        raise ValueError("scores must be probabilities of fake in [0, 1]; apply the sigmoid to logits first")
    return scores_N, labels_N


def to_numpy(values: Any) -> np.ndarray:
    """An array of a list, array or tensor (any device, any float type)."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = (values.double() if values.is_floating_point() else values).numpy()
    return np.asarray(values)
