"""Confidence intervals by a bootstrap over groups: the people (or videos) are the sample, not their many clips."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

# weights_RN (R resamples, N items: how often each item was drawn) -> (R,) values, NaN where a resample has none.
Statistic = Callable[[np.ndarray], np.ndarray]
Statistics = Callable[[np.ndarray], dict[str, np.ndarray]]

FEW_GROUPS = 10  # with fewer groups than this, percentile intervals are too narrow: pages and tables say so
_CHUNK = 4_000_000  # weights held at once, 32 MB: bounds memory whatever the corpus
_MAX_REDRAWN = 50  # undefined draws per wanted resample before giving up


@dataclass(frozen=True, slots=True)
class Interval:
    """A percentile interval, the number of groups it is based on, and the number of draws that lacked a class."""

    low: float
    high: float
    groups: int
    redrawn: int

    @classmethod
    def of(cls, values_R: np.ndarray, level: float, groups: int, redrawn: int) -> Interval:
        """The interval that holds the share `level` of the resampled values."""
        low, high = np.quantile(values_R, [(1 - level) / 2, (1 + level) / 2])
        return cls(float(low), float(high), groups, redrawn)


class FewGroups(ValueError):
    """Hardly any resample holds both classes: one of them is in too few of the groups."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value over `n` items.

    `interval` is None if no resamples were asked for, or if there is one group only, or on `FewGroups`.
    """

    value: float
    n: int
    interval: Interval | None = None

    def to_json(self, name: str) -> dict[str, Any]:
        """`{name: value, name_ci: [low, high] or None}`."""
        ends = None if self.interval is None else [self.interval.low, self.interval.high]
        return {name: self.value, f"{name}_ci": ends}


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The settings of intervals: resamples (0: no intervals), the seed of the draws, the level."""

    n: int = 1000
    seed: int = 0
    level: float = 0.95

    def estimates(self, statistics: Statistics, groups: Sequence[Hashable]) -> dict[str, Estimate]:
        """The values on the N items as they are, each with its interval; see `bootstrap_intervals`."""
        intervals: dict[str, Interval] = {}
        if self.n and len(set(groups)) > 1:
            with suppress(FewGroups):
                intervals = bootstrap_intervals(statistics, groups, self.n, self.seed, self.level)
        values = statistics(np.ones((1, len(groups))))
        return {k: Estimate(float(v[0]), len(groups), intervals.get(k)) for k, v in values.items()}


DEFAULT = Bootstrap()


def bootstrap_intervals(
    statistics: Statistics, groups: Sequence[Hashable], n: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, Interval]:
    """Percentile intervals of several statistics from the same resamples.

    Whole groups are drawn with replacement, so items of one person or video stay together. A draw for which a
    statistic is undefined (NaN: a class is missing) is repeated and counted; the interval then holds for test sets
    that have both classes. In simulations a 95 % interval held a true AUC of .81 in 92 % of the test sets of 10 people
    and in 94 % of those of 30, and a true AUC of .96 in 89 %: near 1 the interval is too narrow.

    Own code, because scipy.stats.bootstrap draws single items, not whole groups.

    Args:
        statistics: takes weights (R, N), non-negative whole numbers as float64; returns an (R,) array for each name.
        groups: the N items' groups.
        n: resamples.
        seed: of the draws.
        level: share of the resampled values inside the interval.

    Raises:
        ValueError: fewer than two groups.
        FewGroups: hardly any resample on which the statistics are defined.
    """
    values, groups_drawn, redrawn = resampled(statistics, groups, n, seed)
    return {name: Interval.of(value_R, level, groups_drawn, redrawn) for name, value_R in values.items()}


def resampled(
    statistics: Statistics, groups: Sequence[Hashable], n: int, seed: int = 0
) -> tuple[dict[str, np.ndarray], int, int]:
    """The values of `n` resamples, the number of groups, and the number of repeated draws.

    Arguments and errors as `bootstrap_intervals`.
    """
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    membership_N = np.array([numbers[group] for group in groups])
    if len(numbers) < 2:
        raise ValueError(f"an interval needs at least two groups to resample, there is {len(numbers)}")
    rng = np.random.default_rng(seed)
    even_G = np.full(len(numbers), 1 / len(numbers))
    rows = max(1, _CHUNK // len(membership_N))
    kept: dict[str, list[np.ndarray]] = {}
    have, redrawn = 0, 0
    while have < n:
        counts_RG = rng.multinomial(len(numbers), even_G, size=min(rows, max(n - have, 64)))
        values = statistics(counts_RG[:, membership_N].astype(np.float64))
        usable_R = ~np.any([np.isnan(value_R) for value_R in values.values()], axis=0)
        for name, value_R in values.items():
            kept.setdefault(name, []).append(value_R[usable_R])
        have += int(usable_R.sum())
        redrawn += int((~usable_R).sum())
        if redrawn > _MAX_REDRAWN * n:
            raise FewGroups(f"only {have} of {have + redrawn} resamples held both classes: too few groups of one class")
    return {name: np.concatenate(parts)[:n] for name, parts in kept.items()}, len(numbers), redrawn


def weighted_mean(values_N: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    """The mean of each resample, (R,): the statistic of every share (retrieval, synchrony).

    Examples:
        >>> weighted_mean(np.array([1.0, 0.0]), np.array([[1.0, 1.0], [3.0, 1.0]]))
        array([0.5 , 0.75])
    """
    return (weights_RN @ values_N) / weights_RN.sum(-1)
