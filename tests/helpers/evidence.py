"""Evidence of clips, made of numbers."""

import numpy as np

from npvf.clip import Phone, Phones, Verdict
from npvf.detect.aggregate import ClipScore, aggregate
from npvf.detect.evidence import ClipEvidence, phone_evidence
from npvf.detect.scoring import ScoredClip
from npvf.detect.speech_detector import SpeechSettings
from npvf.detect.verdict import build_verdict

CRITICAL = frozenset({"m", "b", "p"})
SPOKEN = Phones((Phone("sil", 0, 0.2), Phone("aa", 0.2, 0.6), Phone("m", 0.6, 0.7), Phone("uw", 0.7, 2.0)), "times")


def judge(items: list[ClipEvidence], seconds: float, **settings: object) -> Verdict:
    chosen = SpeechSettings(name="d", **settings)
    score = aggregate([item.score for item in items], chosen)
    return build_verdict(items, score, chosen, score.reason or "lips", "v.mp4", seconds)


def scored(
    logit: float = 0.0, frames: int = 50, starts: tuple[int, ...] = (0, 12, 24, 26), **rest: object
) -> ScoredClip:
    gate_T = rest.get("gate_T", np.ones(frames, bool))
    defaults = {"agreement_T": np.linspace(0, 1, frames), "gate_T": gate_T, "compared_T": gate_T}
    logits_K = np.full(len(starts), logit, dtype=float)
    return ScoredClip(
        starts_K=np.array(starts, int), logits_K=logits_K, **{**defaults, "offset": 0, "undone": True, **rest}
    )


def evidence(scores: ScoredClip | None, track: int = 0, start: float = 0.0, phones: Phones = SPOKEN) -> ClipEvidence:
    reason = "another_speaks: not this face" if scores is None else ""
    logits, starts, speech = (), (), 0.0
    if scores is not None:
        logits, starts = tuple(scores.logits_K.tolist()), tuple(scores.starts_K.tolist())
        speech = float(scores.gate_T.sum()) / 25
    score = ClipScore("k", "v", track, logits, starts, speech=speech, reason=reason)
    item = ClipEvidence(score, (start, start + 2.0), phones, scores)
    if scores is not None:
        item.sounds = phone_evidence(item, scores, CRITICAL)
    return item
