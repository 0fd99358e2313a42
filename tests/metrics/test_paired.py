"""Two detectors on the same items: DeLong against its definition, both tests at their stated rates."""

from __future__ import annotations

import numpy as np
import pytest

from npvf.metrics.detection import auc
from npvf.metrics.paired import delong, paired_bootstrap


def naive_delong_variance(a: np.ndarray, b: np.ndarray, labels: np.ndarray) -> float:
    """DeLong et al. (1988), equations 4 to 6, pair by pair."""
    fakes, reals = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    v10, v01 = [], []
    for scores in (a, b):
        wins = (scores[fakes][:, None] > scores[reals]) + 0.5 * (scores[fakes][:, None] == scores[reals])
        v10.append(wins.mean(1))
        v01.append(wins.mean(0))
    s = np.cov(v10) / len(fakes) + np.cov(v01) / len(reals)
    return s[0, 0] + s[1, 1] - 2 * s[0, 1]


def two_detectors(seed: int, people: int = 30, better: float = 0.0) -> tuple[np.ndarray, ...]:
    """Scores of two detectors on two reals and two fakes a person; people and items are hard for both alike."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(people), 4)
    labels = np.tile([0, 0, 1, 1], people)
    shared = rng.normal(1.2 * labels) + rng.normal(0, 0.7, (2, people))[labels, group]
    own = rng.normal(0, 0.5, (2, people, 2))[:, group, labels] + rng.normal(0, 0.5, (2, len(labels)))
    return shared + own[0] + better * labels, shared + own[1], labels, group


@pytest.mark.parametrize("seed", range(20))
def test_delong_is_its_definition_with_ties(seed: int) -> None:
    a, b, labels, _ = two_detectors(seed)
    a, b = a.round(), b.round(1)
    test = delong(a, b, labels)
    assert test.auc_a == pytest.approx(auc(a, labels), abs=1e-12)
    assert test.auc_b == pytest.approx(auc(b, labels), abs=1e-12)
    assert test.interval[1] - test.difference == pytest.approx(
        1.959964 * naive_delong_variance(a, b, labels) ** 0.5, rel=1e-5
    )


@pytest.mark.slow
def test_no_difference_is_found_about_as_rarely_as_stated_and_a_real_one_often() -> None:
    chance = [paired_bootstrap(*two_detectors(seed), n=200, seed=seed).p < 0.05 for seed in range(150)]
    assert np.mean(chance) <= 0.11
    single = [delong(*two_detectors(seed)[:3]).p < 0.05 for seed in range(150)]
    assert np.mean(single) >= np.mean(chance)  # clips of one person are no independent evidence
    real = [paired_bootstrap(*two_detectors(seed, better=0.8), n=200, seed=seed).p < 0.05 for seed in range(30)]
    assert np.mean(real) > 0.8


@pytest.mark.slow
def test_intervals_cover_the_true_difference_about_as_often_as_stated() -> None:
    truth = np.mean([auc(a, y) - auc(b, y) for a, b, y, _ in (two_detectors(s, 2000, 0.4) for s in range(10))])
    tests = [paired_bootstrap(*two_detectors(seed, better=0.4), n=200, seed=seed) for seed in range(150)]
    assert 0.88 <= np.mean([t.interval[0] <= truth <= t.interval[1] for t in tests]) <= 0.99


def test_both_tests_agree_where_items_are_independent() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 2
    shared = rng.normal(labels)
    a, b = shared + rng.normal(0, 0.5, 600), shared + rng.normal(0, 1.0, 600)
    drawn, normal = paired_bootstrap(a, b, labels, n=2000), delong(a, b, labels)
    assert drawn.difference == pytest.approx(normal.difference, abs=1e-12)
    assert drawn.interval == pytest.approx(normal.interval, abs=0.006)


def test_the_same_detector_twice_shows_nothing() -> None:
    a, _, labels, group = two_detectors(0)
    for test in (delong(a, 2 * a + 1, labels), paired_bootstrap(a, 2 * a + 1, labels, group, n=100)):
        assert test.difference == 0 and test.p == 1


def test_the_least_p_is_what_the_draws_can_tell() -> None:
    labels = np.arange(100) % 2
    perfect, useless = labels + np.linspace(0, 0.1, 100), np.random.default_rng(0).random(100)
    assert paired_bootstrap(perfect, useless, labels, n=99).p == pytest.approx(2 / 100)


def test_what_cannot_be_tested_is_an_error() -> None:
    with pytest.raises(ValueError, match="both classes"):
        paired_bootstrap([0.1, 0.2], [0.3, 0.4], [1, 1])
    with pytest.raises(ValueError, match="two items of each class"):
        delong([0.1, 0.2, 0.3], [0.3, 0.4, 0.1], [1, 1, 0])
