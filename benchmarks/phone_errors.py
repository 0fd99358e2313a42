"""Compare two transcriptions of the same speech: phone errors, onset errors, events found, and delay."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

import numpy as np
from torchaudio.functional import edit_distance

from npvf.clip import Phone, Phones
from npvf.speech.inventory import PHONES


class Counts(NamedTuple):
    """Events found, found where there is none, and missed."""

    hits: int
    false_alarms: int
    misses: int

    @property
    def precision(self) -> float:
        """Share of the found events that are there; NaN where none was found."""
        return _ratio(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """Share of the events that were found; NaN where there is none."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN where there is nothing to find and nothing found."""
        return _ratio(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)


def calibrate_delay(
    recognised: Sequence[Phones], reference: Sequence[Phones], only: Set[str] = PHONES, least: int = 10
) -> float:
    """Seconds by which a source is late: the median over all phones on which it agrees with the reference.

    Args:
        recognised: the source's phones, clip by clip.
        reference: trusted phones of the same clips, say of a forced alignment.
        only: phones that count; delays may differ by kind of sound.
        least: agreeing phones below which a median would mean little.

    Raises:
        ValueError: fewer than `least` phones agree, or the clips do not pair up.
    """
    errors = onset_errors(recognised, reference, only)
    if len(errors) < least:
        raise ValueError(f"only {len(errors)} phones agree with the reference; a delay needs at least {least}")
    return float(np.median(errors))


def onset_errors(recognised: Sequence[Phones], reference: Sequence[Phones], only: Set[str] = PHONES) -> np.ndarray:
    """Recognised minus reference onset in seconds, (K,), of the phones that the best alignment pairs as equal."""
    errors = [
        ours.start - theirs.start
        for clip, truth in zip(recognised, reference, strict=True)
        for ours, theirs in paired(clip, truth)
        if ours.phone == theirs.phone and ours.phone in only
    ]
    return np.array(errors, dtype=float)


def phone_error_rate(recognised: Sequence[Phones], reference: Sequence[Phones]) -> float:
    """Substitutions, insertions and deletions per reference phone of all clips; silence and `spn` do not count."""
    wrong = total = 0
    for clip, truth in zip(recognised, reference, strict=True):
        ours, theirs = _sounds(clip), _sounds(truth)
        wrong += edit_distance([p.phone for p in ours], [p.phone for p in theirs])
        total += len(theirs)
    return _ratio(wrong, total)


def find_events(
    recognised: Sequence[Phones], reference: Sequence[Phones], events: Set[str], tolerance: float = 0.06
) -> Counts:
    """Onsets of any phone in `events` within `tolerance` seconds of such an onset in the reference, one to one."""
    hits = false_alarms = misses = 0
    for clip, truth in zip(recognised, reference, strict=True):
        ours = [p.start for p in clip.items if p.phone in events]
        theirs = [p.start for p in truth.items if p.phone in events]
        found = _matches(ours, theirs, tolerance + 1e-9)
        hits += found
        false_alarms += len(ours) - found
        misses += len(theirs) - found
    return Counts(hits, false_alarms, misses)


def paired(recognised: Phones, reference: Phones) -> list[tuple[Phone, Phone]]:
    """Equal or substituted phones of an alignment with the least edit distance, in order of time."""
    ours, theirs = _sounds(recognised), _sounds(reference)
    distance = _distances(ours, theirs)
    i, j = len(ours), len(theirs)
    pairs = []
    while i and j:
        if distance[i, j] == distance[i - 1, j - 1] + (ours[i - 1].phone != theirs[j - 1].phone):
            i, j = i - 1, j - 1
            pairs.append((ours[i], theirs[j]))
        elif distance[i, j] == distance[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def _distances(ours: Sequence[Phone], theirs: Sequence[Phone]) -> np.ndarray:
    """Return Levenshtein's table. Own code: `edit_distance` of torchaudio returns its last cell, not the alignment."""
    table = np.zeros((len(ours) + 1, len(theirs) + 1), dtype=int)
    table[:, 0] = range(len(ours) + 1)
    table[0] = range(len(theirs) + 1)
    for i, a in enumerate(ours, 1):
        for j, b in enumerate(theirs, 1):
            substituted = table[i - 1, j - 1] + (a.phone != b.phone)
            table[i, j] = min(substituted, table[i - 1, j] + 1, table[i, j - 1] + 1)
    return table


def _matches(ours: list[float], theirs: list[float], tolerance: float) -> int:
    """The most pairs within the tolerance; for sorted times taking the earliest partner left is best."""
    found = at = 0
    for time in sorted(theirs):
        while at < len(ours) and ours[at] < time - tolerance:
            at += 1
        if at < len(ours) and ours[at] <= time + tolerance:
            found += 1
            at += 1
    return found


def _sounds(phones: Phones) -> list[Phone]:
    return [p for p in phones.items if p.phone in PHONES]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
