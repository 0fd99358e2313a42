"""Plan a re-animated mouth: the clip and time that give the mouth for each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RAMP = 2  # frames of the transition from one mouth to the next
SHORTEST = 3 * RAMP  # smallest number of frames of a segment: a ramp in, a ramp out and something between
LONG = 16  # frames: the smoothest segment is chosen among those of at least this length
APART = 10  # smallest distance in frames of a mouth from its source, within one clip
_DRAWN = 12  # positions drawn for a segment; the one with the smoothest transition is taken

Span = tuple[int, int]  # frames [start, end)


@dataclass(frozen=True)
class Segment:
    """Frames [source, source + length) of a donor for frames [target, target + length) of the clip."""

    donor: int
    source: int
    target: int
    length: int

    @property
    def weights(self) -> np.ndarray:
        """Return its weight in each frame, (length,) in (0, 1]; the ramps of neighbouring segments add up to 1."""
        rising = np.arange(1, self.length + 1) / (RAMP + 1)
        return np.minimum(np.minimum(rising, rising[::-1]), 1.0)


def spans_of(mask_T: np.ndarray) -> list[Span]:
    """Return the runs of at least SHORTEST successive true frames of a boolean mask (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask_T.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= SHORTEST]


def plan_mouth(
    spans: Sequence[Span],
    runs: Sequence[Sequence[Span]],
    shapes: Sequence[np.ndarray],
    own: int,
    rng: np.random.Generator,
) -> list[Segment]:
    """Fill each span with segments of the donors' runs that overlap by RAMP frames.

    Args:
        spans: frames of the clip to be forged; each at least SHORTEST long.
        runs: for each donor, the runs of frames that may be used.
        shapes: for each donor, (T, P) the shape of its mouth in each frame; a segment begins with a shape like the one
            with which the segment before it ends.
        own: the number of the donor that is the clip itself. Its frames are used at least APART frames away.
        rng: draws the positions.

    Raises:
        ValueError: the runs are too short, or too near, for a span.
    """
    plan: list[Segment] = []
    for start, end in spans:
        at, before = start, shapes[own][max(start - 1, 0)]
        while True:
            segment = _next(at, end, runs, shapes, own, before, rng)
            plan.append(segment)
            if segment.target + segment.length == end:
                break
            at = segment.target + segment.length - RAMP
            before = shapes[segment.donor][segment.source + segment.length - 1 - RAMP]
    return plan


def _next(
    at: int,
    end: int,
    runs: Sequence[Sequence[Span]],
    shapes: Sequence[np.ndarray],
    own: int,
    before: np.ndarray,
    rng: np.random.Generator,
) -> Segment:
    """Choose the segment that begins at frame `at` of a span that lasts until `end`."""
    possible = [
        Segment(donor, source, at, length)
        for donor, spans in enumerate(runs)
        for first, last in spans
        for source in range(first, last - SHORTEST + 1)
        if (donor != own or abs(source - at) >= APART) and (length := _length(last - source, end - at))
    ]
    if not possible:
        raise ValueError(f"no moment can be lent to frames {at} to {end}")
    enough = min(LONG, max(segment.length for segment in possible))
    long = [segment for segment in possible if segment.length >= enough]
    drawn = [long[k] for k in rng.permutation(len(long))[:_DRAWN]]
    return min(drawn, key=lambda segment: float(np.linalg.norm(shapes[segment.donor][segment.source] - before)))


def _length(available: int, wanted: int) -> int:
    """Return the longest length that leaves nothing of `wanted`, or enough for another segment; 0 if there is none."""
    if available >= wanted:
        return wanted
    length = min(available, wanted + RAMP - SHORTEST)
    return length if length >= SHORTEST else 0
