"""Assign people to parts so that as many videos as possible contain people of one part only.

A forgery often combines two or three people. A split by the folder of the video would put the others into several
parts. Here each video is an edge of a hypergraph over its people, and edges between parts are lost. Finding the
assignment that loses least is hard (minimum k-section), so a seeded annealing searches for a good one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

_SWEEPS = 100  # proposals for each person; 400 would keep half a percent more of FakeAVCeleb
_HOT, _COLD = 3.0, 0.05  # in videos


def divide(
    videos: Sequence[frozenset[str]],
    shares: Mapping[str, float],
    strata: Mapping[str, Hashable],
    seed: int,
) -> dict[str, str]:
    """Assign each person to a part.

    Args:
        videos: the people of each video.
        shares: part -> share of the people. The shares add up to 1.
        strata: person -> group (such as race and gender); each group is split by the shares as closely as possible.
        seed: random seed of the start and of the search.
    """
    people = sorted({person for video in videos for person in video})
    rng = np.random.default_rng(seed)
    part_P = _deal(people, list(shares.values()), strata, rng)
    kinds = sorted({strata.get(person) for person in people}, key=repr)
    groups = [np.flatnonzero([strata.get(person) == kind for person in people]) for kind in kinds]
    _anneal(_Graph(people, videos, part_P, len(shares)), groups, rng)
    names = list(shares)
    return {person: names[part] for person, part in zip(people, part_P, strict=True)}


def _deal(
    people: list[str], shares: list[float], strata: Mapping[str, Hashable], rng: np.random.Generator
) -> np.ndarray:
    """Return (P,) int: people by group, in random order, each assigned to the part that is farthest below its share."""
    part_P = np.zeros(len(people), np.int64)
    grouped = sorted(rng.permutation(len(people)), key=lambda p: repr(strata.get(people[p])))
    counts = np.zeros(len(shares))
    for dealt, person in enumerate(grouped, 1):
        part_P[person] = np.argmax(np.array(shares) * dealt - counts)
        counts[part_P[person]] += 1
    return part_P


class _Graph:
    """Videos as weighted edges (one for each set of people), and the number of people of each edge in each part."""

    def __init__(self, people: list[str], videos: Sequence[frozenset[str]], part_P: np.ndarray, parts: int) -> None:
        number = {person: p for p, person in enumerate(people)}
        edges = Counter(videos)
        self.part_P = part_P
        self.weight_E = np.array(list(edges.values()))
        self.size_E = np.array([len(edge) for edge in edges])
        self.inside_EK = np.zeros((len(edges), parts), np.int64)
        of_person: list[list[int]] = [[] for _ in people]
        for e, edge in enumerate(edges):
            for person in edge:
                of_person[number[person]].append(e)
                self.inside_EK[e, part_P[number[person]]] += 1
        self.edges_of = [np.array(found, np.int64) for found in of_person]

    def swap(self, a: int, b: int) -> int:
        """Swap the parts of two people. Returns the change in the number of kept videos."""
        from_a, from_b = self.part_P[a], self.part_P[b]
        # An edge with both people is counted twice, but a swap does not change it.
        touched = np.concatenate([self.edges_of[a], self.edges_of[b]])
        before = self._kept(touched)
        self._move(a, from_b)
        self._move(b, from_a)
        return self._kept(touched) - before

    def _move(self, person: int, part: int) -> None:
        edges = self.edges_of[person]
        self.inside_EK[edges, self.part_P[person]] -= 1
        self.inside_EK[edges, part] += 1
        self.part_P[person] = part

    def _kept(self, edges: np.ndarray) -> int:
        return int(self.weight_E[edges] @ (self.inside_EK[edges].max(1) == self.size_E[edges]))


def _anneal(graph: _Graph, groups: list[np.ndarray], rng: np.random.Generator) -> None:
    """Swap people within groups; early on, also accept losses. Leaves the graph at the best assignment found."""
    total = best = 0
    best_P = graph.part_P.copy()
    for group in groups:
        proposals = _SWEEPS * len(group)
        heat_N = _HOT * (_COLD / _HOT) ** (np.arange(proposals) / proposals)
        # The least gain that is accepted: a loss of x is accepted with probability exp(-x / heat).
        least_N = heat_N * np.log(1 - rng.random(proposals))
        for (a, b), least in zip(rng.choice(group, (proposals, 2)), least_N, strict=True):
            if graph.part_P[a] == graph.part_P[b]:
                continue
            gain = graph.swap(a, b)
            if gain < least:
                graph.swap(a, b)
                continue
            total += gain
            if total > best:
                best, best_P = total, graph.part_P.copy()
    graph.part_P[:] = best_P
