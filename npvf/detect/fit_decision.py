"""Fitting what lies between logits and a verdict on validation videos: sharpness, calibration, threshold, caution.

Validation sets often hold few people, and what is fitted on a person flatters itself on that person. So the threshold
is chosen on predictions that were calibrated without the person they are of, the number of people stands in the
settings, and few people make `undecided` wider.
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

# Candidates for the sharpness, for segment logits of deviation 1. The mean, 0, is not among them: see `fit_sharpness`.
SHARPNESS = (0.25, 0.5, 1.0, 2.0, 4.0)
FORGED_SHARE = 8  # one segment in so many is forged in the partial forgeries that the sharpness is fitted on
UNDECIDED = 0.05
ENOUGH_PEOPLE = 20


@dataclass(frozen=True, slots=True)
class LabelledScore:
    """The score of a validation clip with what is known of it.

    Attributes:
        score: raw logits.
        label: of the clip, 0 real, 1 fake.
        person: whom it shows, or the video where that is unknown.
        segment_labels: of the score's logits; empty: all are like the clip.
    """

    score: ClipScore
    label: int
    person: str
    segment_labels: tuple[int, ...] = ()

    @property
    def labels(self) -> tuple[int, ...]:
        """A label for each logit."""
        return self.segment_labels or (self.label,) * len(self.score.logits)


@dataclass(frozen=True, slots=True)
class ScoredVideos:
    """N videos that could be judged: log-odds, labels (fake where one of their clips is), people."""

    log_odds_N: np.ndarray
    labels_N: np.ndarray
    people_N: list[str]


def score_videos(clips: Sequence[LabelledScore], settings: DecisionSettings) -> ScoredVideos:
    """The videos of some clips, each judged by `aggregate`; those that a detector would abstain on are left out."""
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
    """The settings with everything fitted on validation clips; what they say already of the rest is kept.

    Raises:
        ValueError: no genuine, or no forged, video can be judged.
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
    """The sharpness at which genuine videos differ most from whole and from partial forgeries (cross-entropy).

    A validation set of whole forgeries would choose the plain mean, which overlooks a few forged words. So each forged
    video also takes part as a partial forgery: the logits of genuine segments, with one in `FORGED_SHARE`, at least
    one, from the forgery.
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
    """Made of logits alone: a forgery for each forged clip, most of whose logits are genuine ones."""
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
        # Evenly spread picks: the same ones at every call.
        picks = (np.arange(count - kept) * 7 + number) % len(genuine)
        logits = (*[genuine[i] for i in picks], *[forged[i * len(forged) // kept] for i in range(kept)])
        score = replace(clip.score, video=f"{clip.score.video} in part", logits=logits)
        made.append(replace(clip, score=score, segment_labels=()))
    return made


def fit_segments(clips: Sequence[LabelledScore]) -> Calibration:
    """The calibration of single segments, both classes weighing the same.

    Where no segment is forged enough to be called so, by the labels of their clips.
    """
    pairs = [pair for clip in clips for pair in zip(clip.score.logits, clip.labels, strict=True)]
    if len({label for _, label in pairs}) < 2:
        pairs = [(logit, clip.label) for clip in clips for logit in clip.score.logits]
    return Calibration.fit([logit for logit, _ in pairs], [label for _, label in pairs])


def fit_threshold(videos: ScoredVideos) -> float:
    """The best threshold for probabilities that were calibrated without the person they are of.

    With too few people for that (a class is missing without one of them), for probabilities calibrated on all.
    """
    probabilities_N = calibrated_without_own(videos.log_odds_N, videos.labels_N, videos.people_N)
    if probabilities_N is None:
        calibration = Calibration.fit(videos.log_odds_N, videos.labels_N)
        probabilities_N = calibration.probabilities(videos.log_odds_N)
    return best_threshold(probabilities_N, videos.labels_N)


def calibrated_without_own(
    logits_N: np.ndarray, labels_N: np.ndarray, people_N: Sequence[Hashable]
) -> np.ndarray | None:
    """Probabilities (N,), each by a calibration fitted on the other people; None where a class is then missing."""
    found_N = np.empty(len(logits_N))
    for person in dict.fromkeys(people_N):
        own_N = np.array([one == person for one in people_N])
        if len(np.unique(labels_N[~own_N])) < 2:
            return None
        found_N[own_N] = Calibration.fit(logits_N[~own_N], labels_N[~own_N]).probabilities(logits_N[own_N])
    return found_N


def undecided_for(people: int) -> float:
    """How close to the threshold is too close, after a fit on so many people: 0.05, from `ENOUGH_PEOPLE` people on.

    The error of what is fitted falls with the root of their number: 5 people make it 0.1, a single one 0.22.
    """
    return UNDECIDED * sqrt(max(1.0, ENOUGH_PEOPLE / max(people, 1)))


def _balanced_cross_entropy(logits_N: np.ndarray, labels_N: np.ndarray) -> float:
    """After calibration; both classes weigh the same."""
    calibration = Calibration.fit(logits_N, labels_N)
    x_N = calibration.a * logits_N + calibration.b
    return -float(log_expit(x_N[labels_N == FAKE]).mean() + log_expit(-x_N[labels_N == REAL]).mean()) / 2
