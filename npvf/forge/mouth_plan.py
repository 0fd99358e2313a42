"""Plan a re-animated mouth: the clip and time that give the mouth for each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RAMP = 2  # frames over which one mouth turns into the next
SHORTEST = 3 * RAMP  # frames of a segment: a ramp in, a ramp out and something between
LONG = 16  # frames: a segment as long as this, or as the rest of the span, is not passed over for a smoother one
APART = 10  # frames between a moment and the one it lends its mouth to, within one clip
_DRAWN = 12  # moments drawn, of which the one that goes on most smoothly is taken

Span = tuple[int, int]  # frames [start, end)


@dataclass(frozen=True)
class Segment:
    """Frames [source, source + length) of a donor, at natural speed, under [target, target + length) of the clip."""

    donor: int
    source: int
    target: int
    length: int

    @property
    def weights(self) -> np.ndarray:
        """(length,) in (0, 1]: its share of each frame, with ramps that add up to 1 with the next segment's."""
        rising = np.arange(1, self.length + 1) / (RAMP + 1)
        return np.minimum(np.minimum(rising, rising[::-1]), 1.0)


def spans_of(mask_T: np.ndarray) -> list[Span]:
    """The stretches of at least SHORTEST successive true frames of a boolean mask (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask_T.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= SHORTEST]


def plan_mouth(
    spans: Sequence[Span],
    runs: Sequence[Sequence[Span]],
    shapes: Sequence[np.ndarray],
    own: int,
    rng: np.random.Generator,
) -> list[Segment]:
    """Fills each span with segments of the donors' runs that overlap by RAMP frames.

    Args:
        spans: frames of the clip to be forged; each at least SHORTEST long.
        runs: of each donor, the stretches of its frames that may be lent.
        shapes: of each donor, (T, P) what its mouth looks like in each frame; a segment is drawn to begin as the one
            before it ends.
        own: which donor is the clip itself. Its moments are lent to others at least APART frames away.
        rng: decides which moments.

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
    """The segment that begins at frame `at` of a span which lasts until `end`."""
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
    """The longest segment after which nothing is left of `wanted`, or enough for another segment; 0: there is none."""
    if available >= wanted:
        return wanted
    length = min(available, wanted + RAMP - SHORTEST)
    return length if length >= SHORTEST else 0
