"""From scored clips to a verdict: which track, which segment, which sound."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from npvf.clip import FPS, SEGMENT_FRAMES, Clip, PhoneEvidence, Phones, SegmentVerdict, TrackVerdict, Verdict
from npvf.detect.scoring import ScoredClip

if TYPE_CHECKING:
    from npvf.detect.detector import Detector

THUMBNAILS = 4
SILENCE = "sil"


@dataclass(slots=True)
class ClipEvidence:
    """What is kept of a clip once it is judged: its scores, phones and a few pictures, not its frames.

    `scored` is None for a face that does not speak. `phones` are on the clip's own clock, `span` on its video's.
    """

    track: int
    span: tuple[float, float]
    phones: Phones
    scored: ScoredClip | None
    thumbnails_NHWC: np.ndarray

    @classmethod
    def of(cls, clip: Clip, scored: ScoredClip | None) -> ClipEvidence:
        """Keep what a verdict and its report need."""
        frames = np.linspace(0, clip.frames - 1, THUMBNAILS).round().astype(int)
        return cls(clip.meta.track, clip.meta.span, clip.phones, scored, clip.face_THWC[frames].copy())


@dataclass(slots=True)
class Judgement:
    """A verdict and the evidence it rests on."""

    verdict: Verdict
    evidence: list[ClipEvidence]


def build_verdict(evidence: Sequence[ClipEvidence], video: str, seconds: float, detector: Detector) -> Verdict:
    """Judge tracks by the mean logit of their segments, and a video of `seconds` by its most suspicious track."""
    by_track: dict[int, list[ClipEvidence]] = defaultdict(list)
    for item in evidence:
        by_track[item.track].append(item)
    tracks = [_track(number, items, detector) for number, items in sorted(by_track.items())]
    judged = [item for item in evidence if item.scored is not None]
    speech = sum(float(item.scored.gate_T.sum()) for item in judged if item.scored) / FPS
    probabilities = [t.fake_probability for t in tracks if t.fake_probability is not None]
    probability = max(probabilities, default=None) if speech >= detector.settings.min_speech else None
    verdict, reason = _decide(probability, speech, detector)
    return Verdict(
        video=video,
        fake_probability=probability,
        verdict=verdict,
        reason=reason,
        audio_offset_s=_offset(judged),
        tracks=tracks,
        phone_source=judged[0].phones.source if judged else None,
        coverage=_coverage(evidence, seconds),
        detector=detector.settings.name,
    )


def _decide(
    probability: float | None, speech: float, detector: Detector
) -> tuple[Literal["real", "fake", "abstain"], str]:
    threshold = detector.settings.threshold
    if probability is None:
        return "abstain", f"too little speech: {speech:.1f} s of sound that lips could be compared with"
    if abs(probability - threshold) < detector.settings.undecided:
        return "abstain", f"too close to call: {probability:.2f} against a threshold of {threshold:.2f}"
    if probability >= threshold:
        return "fake", "lips and sound do not evolve together as they do in genuine speech"
    return "real", "lips and sound evolve together"


def _track(number: int, items: Sequence[ClipEvidence], detector: Detector) -> TrackVerdict:
    segments = [s for item in items if item.scored for s in _segments(item, item.scored, detector)]
    logits = np.concatenate([item.scored.logits_K for item in items if item.scored] or [np.zeros(0)])
    probability = detector.settings.calibration.probability(float(logits.mean())) if len(logits) else None
    span = min(item.span[0] for item in items), max(item.span[1] for item in items)
    return TrackVerdict(number, span, probability, segments)


def _segments(item: ClipEvidence, scored: ScoredClip, detector: Detector) -> list[SegmentVerdict]:
    shift = item.span[0]
    critical = frozenset(detector.model.config.inputs.critical)
    segments = []
    for start, logit in zip(scored.starts_K.tolist(), scored.logits_K.tolist(), strict=True):
        frames = slice(start, start + SEGMENT_FRAMES)
        gate = scored.gate_T[frames]
        begin, end = start / FPS, (start + SEGMENT_FRAMES) / FPS
        segments.append(
            SegmentVerdict(
                start=shift + begin,
                end=shift + end,
                fake_probability=detector.settings.calibration.probability(logit),
                agreement=float(scored.agreement_T[frames][gate].mean()),
                phones=phone_evidence(item, scored, critical, begin, end),
            )
        )
    return segments


def phone_evidence(
    item: ClipEvidence, scored: ScoredClip, critical: frozenset[str], begin: float = 0.0, end: float = np.inf
) -> list[PhoneEvidence]:
    """The sounds that start in [begin, end) of the clip, with the mean agreement of their frames, on the video's clock.

    Sounds are placed where they are heard in the file; the agreement is that of the frames the offset moves them to.
    """
    offset = scored.offset_s or 0.0 if scored.undone else 0.0
    found = []
    for p in item.phones.items:
        if p.phone == SILENCE or not begin <= p.start < end:
            continue
        first = int(np.clip((p.start - offset) * FPS, 0, len(scored.agreement_T) - 1))
        last = int(np.clip(np.ceil((p.end - offset) * FPS), first + 1, len(scored.agreement_T)))
        agreement = float(scored.agreement_T[first:last].mean())
        times = item.span[0] + p.start, item.span[0] + p.end
        found.append(PhoneEvidence(p.phone, *times, p.phone in critical, agreement))
    return found


def _offset(judged: Sequence[ClipEvidence]) -> float | None:
    """The offset of the longest clip that has one."""
    known = [item for item in judged if item.scored and item.scored.offset is not None]
    if not known:
        return None
    longest = max(known, key=lambda item: item.span[1] - item.span[0])
    return longest.scored.offset_s if longest.scored else None


def _coverage(evidence: Sequence[ClipEvidence], seconds: float) -> float:
    """Share of the video's time that lies in a judged segment."""
    seen = np.zeros(max(1, round(seconds * FPS)), dtype=bool)
    for item in evidence:
        for first in item.scored.starts_K.tolist() if item.scored else []:
            begin = round(item.span[0] * FPS) + first
            seen[begin : begin + SEGMENT_FRAMES] = True
    return float(seen.mean())
