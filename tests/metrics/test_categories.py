"""The AUC of a category: it must not learn the labels it is measured on by heart."""

from __future__ import annotations

import numpy as np
import pytest

from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.categories import category_auc, category_p_value


def value(categories, labels, groups=None) -> float:
    statistic = category_auc(categories, labels, range(len(labels)) if groups is None else groups)
    return float(statistic(np.ones((1, len(labels))))[0])


def naive(categories, labels, groups, weights=None) -> float:
    """Pair by pair, straight from the definition."""
    weights = np.ones(len(labels)) if weights is None else weights

    def share(i: int) -> float:
        outside = [k for k in range(len(labels)) if groups[k] != groups[i]]
        inside = [labels[k] for k in outside if categories[k] == categories[i]]
        return (sum(inside) + np.mean(labels)) / (len(inside) + 1)

    pairs = [(i, j) for i in range(len(labels)) for j in range(len(labels)) if labels[i] == 1 and labels[j] == 0]
    wins = [
        0.5 if categories[i] == categories[j] else float(share(i) > share(j)) + 0.5 * (share(i) == share(j))
        for i, j in pairs
    ]
    return float(np.average(wins, weights=[weights[i] * weights[j] for i, j in pairs]))


@pytest.mark.parametrize("seed", range(20))
def test_as_the_naive_version(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 40))
    labels = rng.permutation([0, 1, *rng.integers(0, 2, n - 2)])
    categories, groups = rng.integers(0, rng.integers(1, 8), n), rng.integers(0, rng.integers(1, n), n)
    assert value(categories, labels, groups) == pytest.approx(naive(categories, labels, groups), abs=1e-12)


def test_weights_are_repetitions_of_items() -> None:
    categories, labels = ["a", "b", "a", "b", "c", "a", "b"], [0, 1, 0, 1, 1, 1, 0]
    statistic = category_auc(categories, labels, range(7))
    weights_RN = np.array([[1, 1, 1, 1, 1, 1, 1], [2, 1, 0, 3, 1, 0, 1], [1, 0, 1, 0, 0, 0, 1]], float)
    got = statistic(weights_RN)
    for row in (0, 1):
        assert got[row] == pytest.approx(naive(categories, labels, range(7), weights_RN[row]))
    assert np.isnan(got[2]), "no fake is drawn"


def test_an_encoder_of_all_fakes_is_found() -> None:
    assert value(["x264"] * 6 + ["lavf"] * 6, [0] * 6 + [1] * 6) == 1


def test_one_for_all_and_one_for_each_say_nothing() -> None:
    labels = [0, 1] * 10
    assert value(["same"] * 20, labels) == 0.5
    assert value([*map(str, range(20))], labels) == 0.5


def test_a_persons_own_camera_says_nothing() -> None:
    people = np.repeat(np.arange(6), 5)
    assert value(people, [0, 1, 1, 1, 1] * 6, people) == 0.5


@pytest.mark.slow
def test_chance_is_a_half_on_average() -> None:
    draws = [np.random.default_rng(seed).integers(0, (30, 2), (100, 2)).T for seed in range(200)]
    assert np.mean([value(*draw) for draw in draws]) == pytest.approx(0.5, abs=0.02)
    assert np.mean([category_p_value(*draw) < 0.05 for draw in draws]) < 0.1


def test_an_interval_by_people() -> None:
    people = np.repeat(np.arange(10), 4)
    categories, labels = ["a", "b", "b", "a"] * 10, [0, 1, 1, 1] * 10
    statistic = category_auc(categories, labels, people)
    estimate = Bootstrap(100).estimates(lambda w: {"auc": statistic(w)}, people.tolist())["auc"]
    assert estimate.value == pytest.approx(5 / 6) and estimate.interval is not None


def test_how_likely_it_is_by_chance() -> None:
    assert category_p_value("aaaaaabbbbbb", [0] * 6 + [1] * 6) == pytest.approx(2 / 924)
    assert category_p_value("aaaa", [0, 1, 0, 1]) == 1
    assert category_p_value("abcabcabc", [0, 1, 0, 0, 1, 0, 1, 0, 1]) > 0.05
