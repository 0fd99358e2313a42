"""AUC of a category (an encoder, a resolution) that tells fakes from reals, without leaking an item's own label."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2_contingency, fisher_exact

from npvf.metrics.bootstrap import Statistic
from npvf.metrics.detection import auc


def category_auc(categories: Sequence[Hashable], labels: ArrayLike, groups: Sequence[Hashable]) -> Statistic:
    """The AUC of an item's score, the share of fakes among the items of its category that belong to other groups.

    With one's own group left out, a category that only one person has says nothing; the share is drawn towards that of
    all items by one item of that mean. Two items of one category are equal, whatever leaving out did to their
    scores: otherwise a category that all items share would seem to tell them apart, by their own labels left out.

    Args:
        categories: (N,) of each item.
        labels: (N,) of 0 and 1, both present.
        groups: (N,) what belongs together (person, source video).

    Returns:
        A statistic for `npvf.metrics.bootstrap`: weights (R, N) -> (R,), NaN where a resample lacks a class.
    """
    labels_N = np.asarray(labels)
    category_N, group_N = (np.unique(list(map(str, names)), return_inverse=True)[1] for names in (categories, groups))
    score_N = _shares_elsewhere(category_N, labels_N, group_N)
    mixed = [np.flatnonzero(category_N == c) for c in np.unique(category_N) if len({*labels_N[category_N == c]}) == 2]

    def statistic(weights_RN: np.ndarray) -> np.ndarray:
        total_R = auc(score_N, labels_N, weights_RN)
        pairs_R = _pairs(weights_RN, labels_N)
        for items in mixed:
            inside_RM = weights_RN[:, items]
            share_R = _pairs(inside_RM, labels_N[items]) / np.maximum(pairs_R, 1)
            total_R = total_R + share_R * (0.5 - np.nan_to_num(auc(score_N[items], labels_N[items], inside_RM)))
        return total_R

    return statistic


def category_p_value(categories: Sequence[Hashable], labels: ArrayLike) -> float:
    """Probability that categories and labels go together so well by chance: Fisher's exact test, else chi-squared."""
    labels_N, category_N = np.asarray(labels), np.unique(list(map(str, categories)), return_inverse=True)[1]
    if category_N.max() == 0:
        return 1.0
    table_2C = np.stack([np.bincount(category_N[labels_N == c], minlength=category_N.max() + 1) for c in (0, 1)])
    test = fisher_exact if table_2C.shape[1] == 2 else chi2_contingency
    return float(test(table_2C)[1])


def _shares_elsewhere(category_N: np.ndarray, labels_N: np.ndarray, group_N: np.ndarray) -> np.ndarray:
    """(N,) share of fakes in the item's category outside its group, with one more item, the mean of all."""
    cell_N = np.unique(np.stack([group_N, category_N]), axis=1, return_inverse=True)[1].ravel()

    def elsewhere(weight_N: np.ndarray) -> np.ndarray:
        return np.bincount(category_N, weight_N)[category_N] - np.bincount(cell_N, weight_N)[cell_N]

    fakes_N, items_N = elsewhere(labels_N.astype(np.float64)), elsewhere(np.ones(len(labels_N)))
    return (fakes_N + labels_N.mean()) / (items_N + 1)


def _pairs(weights_RN: np.ndarray, labels_N: np.ndarray) -> np.ndarray:
    """The number of pairs of a fake and a real in each resample, (R,)."""
    return weights_RN[:, labels_N == 1].sum(-1) * weights_RN[:, labels_N == 0].sum(-1)
