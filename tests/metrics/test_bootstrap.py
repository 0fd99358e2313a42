from collections.abc import Hashable, Sequence

import numpy as np
import pytest

from npvf.metrics.bootstrap import Bootstrap, Interval, Statistic, bootstrap_intervals, weighted_mean
from npvf.metrics.detection import auc


def bootstrap_interval(statistic: Statistic, groups: Sequence[Hashable], n: int, seed: int = 0) -> Interval:
    return bootstrap_intervals(lambda weights: {"": statistic(weights)}, groups, n, seed)[""]


def test_groups_stay_together() -> None:
    groups = ["ann", "ann", "bob", "cem", "cem", "cem"]

    def statistic(weights: np.ndarray) -> np.ndarray:
        assert (weights[:, 0] == weights[:, 1]).all()
        assert (weights[:, 3] == weights[:, 5]).all()
        assert (weights[:, 0] + weights[:, 2] + weights[:, 3] == 3).all()
        return weights.sum(-1)

    assert bootstrap_interval(statistic, groups, n=100).groups == 3


def test_the_seed_decides() -> None:
    values = np.random.default_rng(0).normal(size=50)

    def run(seed: int) -> object:
        return bootstrap_interval(lambda weights: weighted_mean(values, weights), range(50), n=200, seed=seed)

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_statistics_share_their_resamples() -> None:
    values = np.random.default_rng(0).normal(size=30)
    both = bootstrap_intervals(
        lambda w: {"plus": weighted_mean(values, w), "minus": -weighted_mean(values, w)}, range(30), n=200
    )
    assert both["plus"].low == pytest.approx(-both["minus"].high)


def test_resamples_without_a_class_are_redrawn_and_counted() -> None:
    labels = np.array([0, 1, 1, 1, 1, 1])
    scores = np.array([0.1, 0.05, 0.6, 0.7, 0.8, 0.9])
    interval = bootstrap_interval(lambda w: auc(scores, labels, w), range(6), n=1000)
    # The only real clip is absent from a resample with probability (5/6)^6 = 0.335.
    assert interval.redrawn / (1000 + interval.redrawn) == pytest.approx((5 / 6) ** 6, abs=0.05)
    assert 0 <= interval.low < interval.high <= 1


def test_what_cannot_be_resampled_is_an_error() -> None:
    with pytest.raises(ValueError, match="two groups"):
        bootstrap_interval(lambda w: w.sum(-1), ["one"] * 4, n=10)
    with pytest.raises(ValueError, match="both classes"):
        bootstrap_interval(lambda w: np.full(len(w), np.nan), range(4), n=10)


def test_an_estimate_stands_without_an_interval_where_none_is_to_be_had() -> None:
    labels = np.repeat([0, 1], [1, 400])
    scores = np.linspace(0, 1, 401)
    rare = Bootstrap(20).estimates(lambda w: {"auc": auc(scores, labels, np.where(w == 1, w, 0))}, range(401))["auc"]
    assert rare.value == 1 and rare.interval is not None  # the real one is in a third of the draws
    never = Bootstrap(20).estimates(lambda w: {"": np.where(w.min(-1) > 0, 1.0, np.nan)}, range(401))[""]
    assert never.value == 1 and never.interval is None


def test_memory_is_bounded_by_blocks() -> None:
    sizes = []

    def statistic(weights: np.ndarray) -> np.ndarray:
        sizes.append(weights.size)
        return weights.mean(-1)

    bootstrap_interval(statistic, np.arange(100_000) % 10, n=64)
    assert max(sizes) <= 4_000_000 < sum(sizes)


def people(rng: np.random.Generator, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two reals and two fakes a person, whose scores move together: variance 1 + 0.5 a class, means 1.5 apart."""
    group = np.repeat(np.arange(groups), 4)
    labels = np.tile([0, 0, 1, 1], groups)
    habit = rng.normal(0, 0.5**0.5, (2, groups))
    return rng.normal(1.5 * labels) + habit[labels, group], labels, group


@pytest.mark.slow
def test_the_interval_covers_the_truth_about_as_often_as_stated() -> None:
    truth = 0.8068  # Phi(1.5 / sqrt(2 * 1.5))
    hits = {"grouped": 0, "single": 0}
    for seed in range(200):
        scores, labels, group = people(np.random.default_rng(seed), groups=25)
        for name, by in (("grouped", group), ("single", np.arange(len(group)))):
            interval = bootstrap_interval(lambda w: auc(scores, labels, w), by, n=200, seed=seed)  # noqa: B023
            hits[name] += interval.low <= truth <= interval.high
    assert 0.89 <= hits["grouped"] / 200 <= 0.99
    # Clips of one person are no independent evidence: resampling them singly promises too much.
    assert hits["single"] < hits["grouped"]
