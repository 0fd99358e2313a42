"""The questions of the methods of a `Detector`, and a `Finding` from the score of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from npvf.clip import Finding, FindingName, Statement
from npvf.detect.likelihood import LikelihoodRatio, strength

SOUND_AND_LIPS: FindingName = "sound_and_lips"
MOUTH_MOTION: FindingName = "mouth_motion"
PICTURE: FindingName = "picture"
NAMES: tuple[FindingName, ...] = (SOUND_AND_LIPS, MOUTH_MOTION, PICTURE)
FORGERY: tuple[FindingName, ...] = (MOUTH_MOTION, PICTURE)
"""The findings that are evidence for a forgery. A mismatch of sound and lips is not: dubs have it, too."""


@dataclass(frozen=True, slots=True)
class Question:
    """The two propositions of a method, and the statement for each. High scores support the first one."""

    title: str
    propositions: tuple[str, str]
    statements: tuple[Statement, Statement]


QUESTIONS: Mapping[FindingName, Question] = {
    SOUND_AND_LIPS: Question(
        "sound and lips",
        ("the audio belongs to another moment or another mouth", "the audio was recorded with these lips"),
        ("disagree", "agree"),
    ),
    MOUTH_MOTION: Question(
        "mouth motion",
        ("a generator made the mouth's motion", "the mouth's motion is that of a person"),
        ("generator", "person"),
    ),
    PICTURE: Question(
        "picture",
        ("a part of the face was replaced", "the pixels of the face are as the camera made them"),
        ("replaced", "untouched"),
    ),
}


def finding(
    name: FindingName,
    log_odds: float,
    likelihood: LikelihoodRatio,
    stated_from: float,
    track: int,
    measurements: Mapping[str, float],
) -> Finding:
    """Return the finding on a video that a method has judged.

    Args:
        name: the method.
        log_odds: natural log of the likelihood ratio without bounds.
        likelihood: the calibration of the method, for the bounds.
        stated_from: the log odds from which the first proposition is stated, at least 0. The second one is stated below
            0. Nothing is stated between.
        track: the face that the finding is about.
        measurements: of this face.
    """
    question = QUESTIONS[name]
    low, high = likelihood.bounds
    log10_lr = min(max(log_odds / log(10), low), high)
    statement: Statement = "undecided"
    if log_odds >= stated_from or log_odds < 0:
        statement = question.statements[0 if log_odds >= stated_from else 1]
    return Finding(
        name,
        statement,
        question.propositions,
        log10_lr,
        likelihood.bounds,
        strength(log10_lr),
        track=track,
        measurements=dict(measurements),
    )


def not_found(name: FindingName, reason: str, measurements: Mapping[str, float]) -> Finding:
    """Return the finding on a video that a method could not judge; `reason` begins with a code."""
    return Finding(name, "not_judged", QUESTIONS[name].propositions, reason=reason, measurements=dict(measurements))


def evidence_text(found: Finding) -> str:
    """Return the strength of a finding with its likelihood ratio; "" if it was not judged.

    Examples:
        >>> ratio = LikelihoodRatio(lower=-2.0, upper=1.5)
        >>> evidence_text(finding("mouth_motion", 9.0, ratio, 2.0, track=0, measurements={}))
        'moderate evidence: LR 32 (log10 +1.50, supported -2.00 to +1.50)'
    """
    if found.log10_lr is None or found.bounds is None:
        return ""
    ratio = 10**found.log10_lr
    shown = f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"
    low, high = found.bounds
    return f"{found.words} evidence: LR {shown} (log10 {found.log10_lr:+.2f}, supported {low:+.2f} to {high:+.2f})"


def describe(found: Finding) -> str:
    """Return one sentence about a finding, with the strength of its evidence.

    Examples:
        >>> ratio = LikelihoodRatio(lower=-2.0, upper=1.5)
        >>> describe(finding("mouth_motion", -3.0, ratio, 2.0, track=0, measurements={}))
        "moderate evidence that the mouth's motion is that of a person"
        >>> describe(not_found("mouth_motion", "mouth_hidden: a hand covers the mouth", {}))
        'mouth motion could not be judged: a hand covers the mouth'
    """
    if found.log10_lr is None:
        sentence = found.reason.partition(": ")[2] or found.reason
        return f"{QUESTIONS[found.name].title} could not be judged: {sentence}"
    if found.words == "no":
        return f"{QUESTIONS[found.name].title}: no evidence either way"
    return f"{found.words} evidence that {found.propositions[0 if found.log10_lr > 0 else 1]}"
