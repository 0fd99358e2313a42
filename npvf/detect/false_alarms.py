"""Choose a threshold from genuine videos, and state the rate of false alarms that they support."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import floor, nextafter

import numpy as np
from scipy.special import betaincinv, expit  # not scipy.stats: a second of imports in every verdict

RATE = 0.01  # of genuine videos may be called fake
MISMATCH_RATE = 0.1  # of them may get a mismatch, which accuses nobody: its harmless causes are named
CONFIDENCE = 0.95
LEAST = 0.5  # a ratio below 1 is evidence against a forgery, whatever genuine videos have


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """The genuine videos that chose a threshold.

    Attributes:
        videos, people: how many there were; 0: nothing was fitted.
        alarms: how many of them reach the threshold.
        at_most: the upper end of the 95 % interval of the rate of false alarms (exact binomial, one-sided), as if the
            videos were independent. With 0 alarms in n videos it is about 3 / n.
    """

    videos: int = 0
    people: int = 0
    alarms: int = 0
    at_most: float = 1.0

    def __str__(self) -> str:
        """Return the sentence for a model card."""
        if not self.videos:
            return "not fitted on genuine videos"
        return (
            f"{self.alarms} of {self.videos} genuine videos of {self.people} people reach it: "
            f"at most {self.at_most:.1%} false alarms, with 95 % confidence"
        )


def choose_threshold(
    log_odds: Sequence[float], people: Sequence[Hashable], rate: float = RATE
) -> tuple[float, FalseAlarms]:
    """Return the smallest probability that at most a share of genuine videos reach, and what they support.

    At 1 %, fewer than 100 videos allow no alarm, so the threshold is above all of them, and the rate that is supported
    is much larger than 1 %. It takes 299 videos without an alarm to support 1 %.

    Args:
        log_odds: of N genuine videos that chose nothing else.
        people: the person shown in each.
        rate: the share that may reach the threshold.

    Raises:
        ValueError: there are no videos.

    Examples:
        >>> threshold, alarms = choose_threshold([-2.0, 0.5, 1.0], ["a", "b", "b"])
        >>> round(threshold, 3), str(alarms)  # doctest: +NORMALIZE_WHITESPACE
        (0.731, '0 of 3 genuine videos of 2 people reach it: at most 63.2% false alarms, with 95 % confidence')
    """
    count = len(log_odds)
    if not count:
        raise ValueError("a threshold needs genuine videos that can be judged")
    values_N = np.asarray(log_odds, np.float64)
    highest = float(np.sort(values_N)[count - 1 - floor(rate * count)])
    threshold = max(nextafter(float(expit(highest)), 1.0), LEAST)
    alarms = int((expit(values_N) >= threshold).sum())
    at_most = 1.0 if alarms == count else float(betaincinv(alarms + 1, count - alarms, CONFIDENCE))
    return threshold, FalseAlarms(count, len(set(people)), alarms, at_most)
