"""`JointDetector`: ST-DDL with NPV beside it, or alone, from a video to one verdict and a mask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from npvf.clip import FPS, Clip, TrackVerdict, Verdict
from npvf.detect.detector import ClipScore, Detector, PhoneChoice
from npvf.detect.evidence import ClipEvidence, Judgement, build_verdict, by_track, coverage, too_close
from npvf.detect.fusion import Fusion, Opinion
from npvf.detect.heatmaps import PictureEvidence
from npvf.detect.localizer import Localizer
from npvf.detect.scoring import ScoredClip, score_clip
from npvf.faces.landmarks import Landmarker
from npvf.media.probe import probe
from npvf.prepare.ingest import DEFAULTS, read_clips

FORGED_AREA = 1.0  # percent of a face; less is some pixels called forged by chance


@dataclass(frozen=True, slots=True)
class JointSettings:
    """What a reader of verdicts needs to know: the name in them, and where "fake" begins."""

    name: str
    threshold: float
    undecided: float


class JointDetector:
    """Looks for forged pixels in every face, and where there is a detector for it, at the speech of the speaker.

    Args:
        localizer: ST-DDL.
        speech: NPV; None: the picture alone is judged.
        fusion: of the two.
    """

    def __init__(self, localizer: Localizer, speech: Detector | None = None, fusion: Fusion | None = None) -> None:
        self.localizer, self.speech = localizer, speech
        alone = localizer.settings
        self.fusion = fusion or Fusion(threshold=alone.threshold, undecided=alone.undecided)
        name = alone.name if speech is None else f"{speech.settings.name} + {alone.name}"
        self.settings = JointSettings(name, self.fusion.threshold, self.fusion.undecided)

    def __call__(
        self, video: str | Path, phones: PhoneChoice = "auto", landmarker: Landmarker | None = None
    ) -> Verdict:
        """The verdict on one video file; see `judge`."""
        return self.judge(video, phones, landmarker).verdict

    def judge(self, video: str | Path, phones: PhoneChoice = "auto", landmarker: Landmarker | None = None) -> Judgement:
        """The verdict, what it rests on, and the masks. As `Detector.judge`, but a video may be without sound."""
        if landmarker is None:
            with Landmarker(max_faces=DEFAULTS.max_faces) as opened:
                return self.judge(video, phones, opened)
        settings = replace(DEFAULTS, phones=phones, need_sound=False)
        return self.judge_clips(read_clips(video, landmarker, settings=settings), str(video), probe(video).duration)

    def judge_clips(self, clips: Iterable[Clip], video: str, seconds: float) -> Judgement:
        """The verdict on a video of `seconds` whose clips are read already; at least one."""
        evidence, masks = [], []
        for clip in clips:
            located = self.localizer.localize(clip)
            item = ClipEvidence.of(clip, self._spoken(clip), self._critical)
            item.picture = PictureEvidence.of(clip, located, item.faces, self.localizer.settings.mask_threshold)
            evidence.append(item)
            masks.append(located.piece(clip))
            meta = clip.meta
        verdict = self._verdict(evidence, video, seconds)
        return Judgement(
            verdict, evidence, seconds, meta.source_sha256, masks=masks, size=meta.source_size, fps=meta.source_fps
        )

    def opinions(self, clips: Iterable[Clip]) -> dict[int, Opinion]:
        """What each method says of each face of one video, of which at least one clip is given."""
        judgement = self.judge_clips(clips, "", 0.0)
        return self._opinions(judgement.evidence, self._speech_verdict(judgement.evidence, "", 0.0))

    def score_clips(self, clips: Iterable[Clip]) -> Iterator[ClipScore]:
        """One score a clip, for evaluation."""
        for clip in clips:
            (opinion,) = self.opinions([clip]).values()
            probability = self.fusion.probability(opinion)
            yield ClipScore(clip.meta.key, clip.meta.video, clip.meta.track, probability, "")

    @property
    def _critical(self) -> frozenset[str]:
        return frozenset(self.speech.model.config.inputs.critical) if self.speech else frozenset()

    def _spoken(self, clip: Clip) -> ScoredClip | None:
        if self.speech is None or not clip.meta.is_speaker or clip.meta.no_sound:
            return None
        return score_clip(self.speech.model, clip, self.speech.settings.scoring)

    def _speech_verdict(self, evidence: Sequence[ClipEvidence], video: str, seconds: float) -> Verdict | None:
        """What NPV alone says."""
        return build_verdict(evidence, video, seconds, self.speech) if self.speech else None

    def _opinions(self, evidence: Sequence[ClipEvidence], spoken: Verdict | None) -> dict[int, Opinion]:
        return {number: self._opinion(items, spoken) for number, items in by_track(evidence).items()}

    def _opinion(self, items: Sequence[ClipEvidence], spoken: Verdict | None) -> Opinion:
        picture = self.localizer.log_odds([item.picture.logit_T for item in items if item.picture])
        logits = [item.scored.logits_K for item in items if item.scored]
        if self.speech is None or spoken is None:
            return Opinion(None, picture, "no_detector: only pictures are looked at")
        if items[0].no_sound:
            return Opinion(None, picture, f"{items[0].no_sound}: there is no sound to compare the lips with")
        if not logits:
            return Opinion(None, picture, "another_speaks: the sound is another face's")
        if spoken.fake_probability is None or not sum(map(len, logits)):
            return Opinion(None, picture, spoken.reason)
        return Opinion(self.speech.settings.calibration.log_odds(float(np.concatenate(logits).mean())), picture)

    def _verdict(self, evidence: Sequence[ClipEvidence], video: str, seconds: float) -> Verdict:
        """Of the most suspicious face."""
        spoken = self._speech_verdict(evidence, video, seconds)
        opinions = self._opinions(evidence, spoken)
        segments = {track.id: track.segments for track in spoken.tracks} if spoken else {}
        tracks = []
        for number, items in by_track(evidence).items():
            span = min(item.span[0] for item in items), max(item.span[1] for item in items)
            areas = np.concatenate([item.picture.area_T for item in items if item.picture])
            probability = self.fusion.probability(opinions[number])
            tracks.append(TrackVerdict(number, span, probability, segments.get(number, []), 100 * float(areas.mean())))
        worst = max(tracks, key=lambda track: track.fake_probability or 0.0)
        verdict, reason = self._decide(worst, opinions[worst.id])
        looked_at = (slice(round(item.span[0] * FPS), round(item.span[1] * FPS)) for item in evidence)
        return Verdict(
            video=video,
            fake_probability=worst.fake_probability,
            verdict=verdict,
            reason=reason,
            audio_offset_s=spoken.audio_offset_s if spoken else None,
            tracks=tracks,
            phone_source=spoken.phone_source if spoken else None,
            coverage=coverage(looked_at, seconds),
            detector=self.settings.name,
            threshold=self.settings.threshold,
            parts=self.fusion.parts(opinions[worst.id]),
        )

    def _decide(self, track: TrackVerdict, opinion: Opinion) -> tuple[Literal["real", "fake", "abstain"], str]:
        probability, threshold = track.fake_probability, self.settings.threshold
        assert probability is not None and track.forged_area is not None  # of a picture there is always an opinion
        if abs(probability - threshold) < self.settings.undecided:
            return "abstain", too_close(probability, threshold)
        verdict: Literal["real", "fake"] = "fake" if probability >= threshold else "real"
        seen, seen_fake = self._seen(track.forged_area)
        if opinion.speech is None:
            return verdict, f"by the picture alone ({opinion.speech_reason}), {seen}"
        heard_fake = opinion.speech > 0
        heard = "lips and sound do not evolve together" if heard_fake else "lips and sound evolve together"
        return verdict, f"{heard}, {'and' if heard_fake == seen_fake else 'but'} {seen}"

    def _seen(self, area: float) -> tuple[str, bool]:
        """What is to be said of the percentage of a face that is called forged, and whether it speaks for a forgery."""
        usual = 100 * self.localizer.settings.genuine_area
        if area < FORGED_AREA:
            return "no part of the face is marked", False
        if area <= usual:
            return f"{area:.0f} % of the face is marked, which is usual for genuine faces ({self._usual})", False
        return f"{area:.0f} % of the face is marked, more than is usual for genuine faces ({self._usual})", True

    @property
    def _usual(self) -> str:
        """How much of a genuine face is marked, and how many faces this was measured on."""
        settings = self.localizer.settings
        count = f"{settings.genuine_faces} faces" if settings.genuine_faces else "an unknown number of faces"
        return f"up to {100 * settings.genuine_area:.0f} % in nine of ten, measured on {count}"
