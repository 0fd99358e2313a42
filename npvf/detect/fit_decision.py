"""Fit the settings from logits to a verdict on validation videos: sharpness, calibration, threshold, undecided range.

Validation sets often contain few people, and a fit looks too good on the people that it was fitted on. So the threshold
is chosen on probabilities whose calibration was fitted without the person shown, the settings record the number of
people, and `undecided` is wider if there are few.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import TypeVar

import numpy as np
from scipy.special import log_expit

from npvf.clip import FAKE, REAL
from npvf.detect.aggregate import ClipScore, DecisionSettings, aggregate
from npvf.detect.calibration import Calibration, best_threshold

Settings = TypeVar("Settings", bound=DecisionSettings)

# Candidates for the sharpness, for segment logits with a standard deviation of 1. 0, which gives the mean, is left out:
# see `fit_sharpness`.
SHARPNESS = (0.25, 0.5, 1.0, 2.0, 4.0)
FORGED_SHARE = 8  # one of 8 segments is forged in the partial forgeries that the sharpness is fitted on
UNDECIDED = 0.05
ENOUGH_PEOPLE = 20


@dataclass(frozen=True, slots=True)
class LabelledScore:
    """The score of a validation clip, with its labels and its identity.

    Attributes:
        score: raw logits.
        label: the label of the clip, 0 real, 1 fake.
        person: the identity, or the name of the video if the identity is unknown.
        segment_labels: a label for each logit of the score; empty: all are that of the clip.
    """

    score: ClipScore
    label: int
    person: str
    segment_labels: tuple[int, ...] = ()

    @property
    def labels(self) -> tuple[int, ...]:
        """The label of each logit."""
        return self.segment_labels or (self.label,) * len(self.score.logits)


@dataclass(frozen=True, slots=True)
class ScoredVideos:
    """N videos that could be judged: log-odds, labels (fake if one of the clips is fake), people."""

    log_odds_N: np.ndarray
    labels_N: np.ndarray
    people_N: list[str]


def score_videos(clips: Sequence[LabelledScore], settings: DecisionSettings) -> ScoredVideos:
    """Return the videos of some clips, each scored by `aggregate`; videos without a score are left out."""
    videos: dict[str, list[LabelledScore]] = defaultdict(list)
    for clip in clips:
        videos[clip.score.video].append(clip)
    found = [(aggregate([clip.score for clip in items], settings).log_odds, items) for items in videos.values()]
    judged = [(log_odds, items) for log_odds, items in found if log_odds is not None]
    return ScoredVideos(
        np.array([log_odds for log_odds, _ in judged]),
        np.array([max(clip.label for clip in items) for _, items in judged], dtype=int),
        [items[0].person for _, items in judged],
    )


def fit_decision(clips: Sequence[LabelledScore], settings: Settings) -> Settings:
    """Return the settings with all fitted values replaced by those from validation clips; other settings are kept.

    Raises:
        ValueError: none of the real videos, or none of the fake videos, can be judged.
    """
    plain = replace(settings, calibration=Calibration(), sharpness=fit_sharpness(clips, settings))
    videos = score_videos(clips, plain)
    people = len(set(videos.people_N))
    return replace(
        plain,
        calibration=Calibration.fit(videos.log_odds_N, videos.labels_N),
        segment_calibration=fit_segments(clips),
        threshold=fit_threshold(videos),
        undecided=undecided_for(people),
        people=people,
    )


def fit_sharpness(clips: Sequence[LabelledScore], settings: DecisionSettings) -> float:
    """Return the sharpness that separates real videos best from whole and partial forgeries, by cross-entropy.

    With whole forgeries only, the fit would choose the plain mean, which overlooks a few forged words. So a partial
    forgery is added for each forged clip: one of `FORGED_SHARE` logits (at least one) is from the forgery, the others
    are those of real segments.
    """
    logits_K = np.array([logit for clip in clips for logit in clip.score.logits])
    scale = float(logits_K.std()) if len(logits_K) and logits_K.std() > 0 else 1.0
    together = [*clips, *partial_forgeries(clips)]
    losses = {}
    for candidate in SHARPNESS:
        sharpness = candidate / scale
        videos = score_videos(together, replace(settings, sharpness=sharpness, calibration=Calibration()))
        losses[sharpness] = _balanced_cross_entropy(videos.log_odds_N, videos.labels_N)
    return min(losses, key=lambda sharpness: losses[sharpness])


def partial_forgeries(clips: Sequence[LabelledScore]) -> list[LabelledScore]:
    """Make a partial forgery for each forged clip, from logits alone: most of its logits are those of real segments."""
    genuine = [logit for c in clips for logit, label in zip(c.score.logits, c.labels, strict=True) if label == REAL]
    if not genuine:
        return []
    made = []
    for number, clip in enumerate(clips):
        forged = [logit for logit, label in zip(clip.score.logits, clip.labels, strict=True) if label == FAKE]
        if clip.label != FAKE or not forged:
            continue
        count = len(clip.score.logits)
        kept = max(1, count // FORGED_SHARE)
        # The choice is evenly spread, and the same in every call.
        picks = (np.arange(count - kept) * 7 + number) % len(genuine)
        logits = (*[genuine[i] for i in picks], *[forged[i * len(forged) // kept] for i in range(kept)])
        score = replace(clip.score, video=f"{clip.score.video} in part", logits=logits)
        made.append(replace(clip, score=score, segment_labels=()))
    return made


def fit_segments(clips: Sequence[LabelledScore]) -> Calibration:
    """Return the calibration of single segments; both classes have the same total weight.

    If all segments have the same label, the labels of their clips are used.
    """
    pairs = [pair for clip in clips for pair in zip(clip.score.logits, clip.labels, strict=True)]
    if len({label for _, label in pairs}) < 2:
        pairs = [(logit, clip.label) for clip in clips for logit in clip.score.logits]
    return Calibration.fit([logit for logit, _ in pairs], [label for _, label in pairs])


def fit_threshold(videos: ScoredVideos) -> float:
    """Return the best threshold for probabilities whose calibration was fitted without the person shown.

    If there are too few people (a class is missing without one of them), the calibration is fitted on all of them.
    """
    probabilities_N = calibrated_without_own(videos.log_odds_N, videos.labels_N, videos.people_N)
    if probabilities_N is None:
        calibration = Calibration.fit(videos.log_odds_N, videos.labels_N)
        probabilities_N = calibration.probabilities(videos.log_odds_N)
    return best_threshold(probabilities_N, videos.labels_N)


def calibrated_without_own(
    logits_N: np.ndarray, labels_N: np.ndarray, people_N: Sequence[Hashable]
) -> np.ndarray | None:
    """Return probabilities (N,), each calibrated on the other people; None if a class is missing without one person."""
    found_N = np.empty(len(logits_N))
    for person in dict.fromkeys(people_N):
        own_N = np.array([one == person for one in people_N])
        if len(np.unique(labels_N[~own_N])) < 2:
            return None
        found_N[own_N] = Calibration.fit(logits_N[~own_N], labels_N[~own_N]).probabilities(logits_N[own_N])
    return found_N


def undecided_for(people: int) -> float:
    """Return the half-width of the undecided range after a fit on `people` people: 0.05 from `ENOUGH_PEOPLE` on.

    The error of a fit falls with the square root of the number of people, so it is 0.1 for 5 people and 0.22 for one.
    """
    return UNDECIDED * sqrt(max(1.0, ENOUGH_PEOPLE / max(people, 1)))


def _balanced_cross_entropy(logits_N: np.ndarray, labels_N: np.ndarray) -> float:
    """Return the cross-entropy after calibration; both classes have the same total weight."""
    calibration = Calibration.fit(logits_N, labels_N)
    x_N = calibration.a * logits_N + calibration.b
    return -float(log_expit(x_N[labels_N == FAKE]).mean() + log_expit(-x_N[labels_N == REAL]).mean()) / 2
