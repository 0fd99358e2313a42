"""The synchrony protocol: retrieval, offset, swapped and shifted sound, on real clips whose sound is their own.

- retrieval: R@1 among N segments of 24 frames, both directions, and their mean;
- sync: share of clips whose best offset within +-15 frames is within +-1;
- swap: AUC of a clip's own sound against another clip's, by the best similarity within +-`swap_reach` frames;
- shift: AUC of the own sound against the same sound moved by 8 to 15 frames (each way), scored at offset 0;
- halves: share of clips whose two halves agree in their best offset to +-1 (in the wild the true offset is not 0).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from npvf.clip import SEGMENT_FRAMES
from npvf.metrics.bootstrap import Bootstrap, Estimate, weighted_mean
from npvf.metrics.detection import auc
from npvf.metrics.sync import MIN_FRAMES, best_offset, retrieval_hits
from npvf.metrics.sync_embeddings import Streams

SHIFTS = range(8, 16)
SWAP_REACH = 2
SEGMENT_STRIDE = 8  # least distance of two segments of one clip: as sound shifted by 8 counts as wrong
SIMILAR_LENGTH = 0.2


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the protocol: segments to retrieve from, largest offset, swaps for each clip, seed, intervals.

    `swap_reach` is how far, in frames, a true or a swapped sound is moved to where it fits best.
    """

    segments: int = 60
    max_offset: int = 15
    swaps: int = 5
    swap_reach: int = SWAP_REACH
    seed: int = 0
    bootstrap: Bootstrap = field(default_factory=Bootstrap)


@dataclass(slots=True)
class SynchronyMetrics:
    """The results of the protocol for one pair of streams.

    Attributes:
        clips: how many clips were measured.
        unusable: their indices: too short for the offset search, or too little inside the gate.
        segments: how many segments retrieval chose among; chance is 1 / segments.
        estimates: name -> value, number of items, interval.
        missing: name -> why it could not be measured.
        offsets: each measured clip's best offset in frames; positive: the sound comes late.
    """

    clips: int
    unusable: list[int]
    segments: int = 0
    estimates: dict[str, Estimate] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    offsets: dict[int, int] = field(default_factory=dict)

    @property
    def median_offset(self) -> float | None:
        """The median of the best offsets, in frames."""
        return float(np.median(list(self.offsets.values()))) if self.offsets else None

    def to_json(self) -> dict[str, Any]:
        """Flat: each metric with its `_ci` and `_n`, and the counts."""
        content: dict[str, Any] = {"clips": self.clips, "clips_unusable": len(self.unusable), "segments": self.segments}
        content["retrieval_chance"] = 1 / self.segments if self.segments else None
        for name, estimate in self.estimates.items():
            content |= estimate.to_json(name) | {f"{name}_n": estimate.n}
        return content | {"median_offset": self.median_offset, "missing": self.missing}


def measure_synchrony(
    streams: Streams,
    identities: Sequence[str | None] | None = None,
    groups: Sequence[Hashable] | None = None,
    settings: Settings = Settings(),
) -> SynchronyMetrics:
    """Run the protocol on K clips.

    Args:
        streams: how pictures and sounds compare.
        identities: of the K clips, for swaps within and across identities; None where unknown.
        groups: of the K clips, what the bootstrap draws as a whole; None: each clip.
        settings: of the protocol.

    Raises:
        ValueError: no clip is long enough.
    """
    clips = range(len(streams.lengths))
    curves = {clip: streams.curve(clip, clip, settings.max_offset) for clip in clips}
    curves = {clip: curve for clip, curve in curves.items() if np.isfinite(curve).all()}
    if not curves:
        raise ValueError(f"no clip has {settings.max_offset + MIN_FRAMES} usable frames, needed to search the offset")
    run = _Run(
        streams=streams,
        settings=settings,
        clips=list(curves),
        identities=[None] * len(clips) if identities is None else list(identities),
        groups=list(clips if groups is None else groups),
        report=SynchronyMetrics(len(curves), [clip for clip in clips if clip not in curves]),
    )
    run.retrieval()
    run.sync(curves)
    run.halves()
    run.shift(curves)
    run.swap()
    return run.report


def choose_segments(firsts_K: Sequence[Sequence[int]], count: int, seed: int = 0) -> list[tuple[int, int]]:
    """`count` segments as (clip, first frame) out of those that each clip offers: as many of each, spread over it.

    There are fewer than `count` where the clips offer no more.
    """
    taken = [0] * len(firsts_K)
    order = np.random.default_rng(seed).permutation(len(firsts_K))
    while sum(taken) < min(count, sum(map(len, firsts_K))):
        for clip in order:
            if taken[clip] < len(firsts_K[clip]) and sum(taken) < count:
                taken[clip] += 1
    chosen = []
    for clip, number in enumerate(taken):
        last = len(firsts_K[clip]) - 1
        places = [last / 2] if number == 1 else np.linspace(0, last, number)
        chosen += [(clip, firsts_K[clip][int(place)]) for place in places]
    return chosen


def swap_partners(lengths: Sequence[int], allowed_KK: np.ndarray, count: int, seed: int = 0) -> list[tuple[int, int]]:
    """(picture, sound) pairs: for each clip up to `count` others that are allowed and of similar length (20 %).

    Where none is that similar, the one nearest in length.
    """
    rng = np.random.default_rng(seed)
    lengths_K = np.asarray(lengths)
    pairs = []
    for clip, length in enumerate(lengths):
        others = np.flatnonzero(allowed_KK[clip])
        others = others[others != clip]
        if not len(others):
            continue
        distance = np.abs(lengths_K[others] - length)
        similar = others[distance <= max(SIMILAR_LENGTH * length, distance.min())]
        pairs += [(clip, int(other)) for other in rng.permutation(similar)[:count]]
    return pairs


@dataclass(slots=True)
class _Run:
    """One run over the usable clips; each method adds its part to the report."""

    streams: Streams
    settings: Settings
    clips: list[int]
    identities: list[str | None]
    groups: list[Hashable]
    report: SynchronyMetrics

    def retrieval(self) -> None:
        offered = [self._segments(clip) for clip in self.clips]
        chosen = choose_segments(offered, self.settings.segments, self.settings.seed)
        segments = [(self.clips[index], first) for index, first in chosen]
        self.report.segments = len(segments)
        if len(segments) < 2:
            self.report.missing["retrieval_r1"] = "fewer than two segments"
            return
        hits_2N = retrieval_hits(torch.as_tensor(self.streams.matrix(segments, SEGMENT_FRAMES))).numpy()
        of_segment = [clip for clip, _ in segments]
        self._add_share("retrieval_r1", hits_2N.mean(0), of_segment)
        self._add_share("retrieval_sound_for_picture", hits_2N[0], of_segment)
        self._add_share("retrieval_picture_for_sound", hits_2N[1], of_segment)

    def _segments(self, clip: int) -> list[int]:
        """First frames of the clip's segments that have enough frames inside the gate."""
        firsts = range(0, self.streams.lengths[clip] - SEGMENT_FRAMES + 1, SEGMENT_STRIDE)
        return [f for f in firsts if self.streams.frames(clip, slice(f, f + SEGMENT_FRAMES)) >= MIN_FRAMES]

    def sync(self, curves: dict[int, np.ndarray]) -> None:
        self.report.offsets = {clip: _best(curve) for clip, curve in curves.items()}
        hits = [abs(offset) <= 1 for offset in self.report.offsets.values()]
        self._add_share("sync_within_1", np.array(hits, float), self.clips)

    def halves(self) -> None:
        agree = {}
        for clip in self.clips:
            middle = self.streams.lengths[clip] // 2
            spans = (slice(middle), slice(middle, None))
            first, second = (self.streams.curve(clip, clip, self.settings.max_offset, span) for span in spans)
            if np.isfinite([*first, *second]).all():
                told = np.ptp(first) > 0 and np.ptp(second) > 0  # two flat curves agree on nothing
                agree[clip] = float(told and abs(_best(first) - _best(second)) <= 1)
        if agree:
            self._add_share("halves_agree", np.array(list(agree.values())), list(agree))
        else:
            self.report.missing["halves_agree"] = "no clip is long enough for two searches"

    def shift(self, curves: dict[int, np.ndarray]) -> None:
        zero = self.settings.max_offset
        moved = [zero + sign * shift for shift in SHIFTS if shift <= zero for sign in (-1, 1)]
        if moved:
            false = [(clip, float(curve[index])) for clip, curve in curves.items() for index in moved]
            self._add_auc("shift_auc", {clip: float(curve[zero]) for clip, curve in curves.items()}, false)
        else:
            self.report.missing["shift_auc"] = f"max_offset is below {SHIFTS[0]}"

    def swap(self) -> None:
        names = np.array([self.identities[clip] or "" for clip in self.clips])
        known_KK = (names[:, None] != "") & (names[None] != "")
        same_KK = names[:, None] == names[None]
        self._swap("swap_auc", np.ones_like(known_KK), "there is only one clip")
        self._swap("swap_auc_same_identity", known_KK & same_KK, "no two clips of one known identity")
        self._swap("swap_auc_other_identity", known_KK & ~same_KK, "no two clips of different known identities")

    def _swap(self, name: str, allowed_KK: np.ndarray, otherwise: str) -> None:
        lengths = [self.streams.lengths[clip] for clip in self.clips]
        pairs = swap_partners(lengths, allowed_KK, self.settings.swaps, self.settings.seed)
        false = [(self.clips[i], self._peak(self.clips[i], self.clips[j])) for i, j in pairs]
        false = [(clip, score) for clip, score in false if np.isfinite(score)]
        if false:
            self._add_auc(name, {clip: self._peak(clip, clip) for clip, _ in false}, false)
        else:
            self.report.missing[name] = otherwise

    def _peak(self, picture: int, sound: int) -> float:
        """The best similarity within `swap_reach` frames; NaN where the two have too few frames in common."""
        curve = self.streams.curve(picture, sound, self.settings.swap_reach)
        return float(np.nanmax(curve)) if np.isfinite(curve).any() else float("nan")

    def _add_auc(self, name: str, true: dict[int, float], false: list[tuple[int, float]]) -> None:
        scores = np.array([*true.values(), *(score for _, score in false)])
        labels = np.repeat([1, 0], [len(true), len(false)])
        groups = [self.groups[clip] for clip in (*true, *(clip for clip, _ in false))]
        found = self.settings.bootstrap.estimates(lambda w_RN: {name: auc(scores, labels, w_RN)}, groups)[name]
        self.report.estimates[name] = replace(found, n=len(true))

    def _add_share(self, name: str, values_N: np.ndarray, clips: list[int]) -> None:
        groups = [self.groups[clip] for clip in clips]
        bootstrap = self.settings.bootstrap
        self.report.estimates |= bootstrap.estimates(lambda w_RN: {name: weighted_mean(values_N, w_RN)}, groups)


def _best(curve: np.ndarray) -> int:
    return int(best_offset(torch.as_tensor(curve)))
