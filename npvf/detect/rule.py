"""The rule from findings to a verdict. It is written down here and nowhere else.

1. **fake**: the evidence for a forgery reaches the threshold. It is the larger one of the log likelihood ratios of
   `mouth_motion` and `picture`, of the most suspicious face. It is not their sum: a face swap keeps the motion of a
   person's mouth, which must not outweigh the pixels, and a generator draws a picture without a seam. If both ways to
   forge were equally likely beforehand, the exact ratio would be the mean of the two, at most 0.3 (log10) below.
2. **mismatch**: sound and lips disagree. A dub, an interpreter, a voice-over, late sound and a still picture with a
   voice do so, too: it is a finding, but not a sign of a forgery.
3. **abstain**: a finding of the detector could not be judged. The reason is that of the evidence for a forgery if it
   has one (`face_does_not_move`, `mouth_hidden`, `no_face`), else that of sound and lips.
4. **real**: no sign of a forgery was found. It does not mean more.

Agreement of sound and lips takes no part in 1: generators fit sound better than people do, and a swapped face keeps the
lips of a person. So it never lowers the evidence for a forgery. A video without any sound sign, such as music over a
moving mouth, is not called real, since the place where a forgery shows most often could not be looked at.

The comparison with known genuine videos of the person (`npvf.detect.known_person`) takes no part in any of them. It is
a rank among a few videos of one person, and stands beside the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from npvf.clip import Finding, FindingName, VerdictName
from npvf.detect.findings import FORGERY, QUESTIONS, SOUND_AND_LIPS, describe

HARMLESS = "a dub, an interpreter, a voice-over, late sound or a still picture with a voice"


def forgery_evidence(log_odds: Mapping[FindingName, float]) -> float | None:
    """Return the evidence for a forgery of one face: the larger one of the log odds of the two findings that count.

    Examples:
        >>> forgery_evidence({"mouth_motion": -2.0, "picture": 3.0, "sound_and_lips": -5.0})
        3.0
        >>> forgery_evidence({"sound_and_lips": 4.0}) is None
        True
    """
    return max((log_odds[name] for name in FORGERY if name in log_odds), default=None)


def verdict_of(evidence: float | None, threshold: float, findings: Sequence[Finding]) -> tuple[VerdictName, str]:
    """Return the verdict on a video, and the reason to abstain, which begins with a code ("" for other verdicts).

    Args:
        evidence: `forgery_evidence` of the most suspicious face; None: no face could be judged.
        threshold: in log odds.
        findings: of all methods that the detector has.
    """
    if evidence is not None and evidence >= threshold:
        return "fake", ""
    if any(found.name == SOUND_AND_LIPS and found.statement == "disagree" for found in findings):
        return "mismatch", ""
    ranked = sorted(findings, key=lambda found: found.name not in FORGERY)
    return next((("abstain", found.reason) for found in ranked if found.reason), ("real", ""))


def explain(verdict: VerdictName, findings: Sequence[Finding]) -> str:
    """Return one sentence on a verdict other than "abstain": what was found, and what could not be judged."""
    judged = [found for found in findings if not found.reason]
    rest = [describe(found) for found in findings if found.reason]
    if verdict == "fake":
        first = [found for found in judged if found.name in FORGERY and (found.log10_lr or 0) > 0]
        return "; ".join([*map(describe, first or judged), *rest])
    if verdict == "mismatch":
        parts = ["sound and lips do not fit each other", f"{HARMLESS} does the same"]
        return "; ".join([*parts, *(describe(found) for found in findings if found.name in FORGERY)])
    looked = ", or in ".join(QUESTIONS[found.name].title for found in judged)
    suspicious = any((found.log10_lr or 0) > 0 and found.words != "no" for found in judged)
    start = "no finding reaches its threshold" if suspicious else f"no sign of a forgery in {looked}"
    return "; ".join([start, *map(describe, judged), *rest])
