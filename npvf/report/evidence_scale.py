"""The strength of a finding on a scale: where it lies, and how far the calibration data reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

import numpy as np

from npvf.clip import Finding
from npvf.detect.likelihood import STRENGTHS, VERY_STRONG

REACH = 5.5  # log10 of the ratio at the ends of the scale
_RIGHT = [log10(least) for least, _ in STRENGTHS if least] + [log10(VERY_STRONG), REACH]
EDGES = [-edge for edge in reversed(_RIGHT)] + _RIGHT  # of the steps, in log10 of the ratio
_WORDS = [word for _, word in STRENGTHS[1:]] + ["very strong"]
WORDS = [*reversed(_WORDS), STRENGTHS[0][1], *_WORDS]


@dataclass(frozen=True, slots=True)
class EvidenceScale:
    """A scale from evidence for the second proposition on the left to evidence for the first one on the right.

    Attributes:
        at: the place of the finding, in percent.
        low, high: the places of the bounds that the calibration data support.
        words: of the steps, which are all of one width: so the words can be read.
    """

    at: float
    low: float
    high: float
    words: Sequence[str]


def evidence_scale(found: Finding) -> EvidenceScale | None:
    """Return the scale of a finding; None if it was not judged.

    Examples:
        >>> scale = evidence_scale(Finding("mouth_motion", "generator", ("A", "B"), 0.0, (-4.5, 2.25), "no"))
        >>> scale.at, scale.low, scale.high
        (50.0, 7.41, 79.17)
        >>> scale.words
        ['very strong', 'strong', 'moderate', 'weak', 'no', 'weak', 'moderate', 'strong', 'very strong']
    """
    if found.log10_lr is None or found.bounds is None:
        return None
    low, high = found.bounds
    return EvidenceScale(_place(found.log10_lr), _place(low), _place(high), WORDS)


def _place(log10_lr: float) -> float:
    """Return the place of a ratio in percent of the scale."""
    return round(float(np.interp(log10_lr, EDGES, np.linspace(0, 100, len(EDGES)))), 2)
