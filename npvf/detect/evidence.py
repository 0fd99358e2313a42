"""From scored clips to a verdict: which track, which segment, which sound."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from npvf.clip import FPS, SEGMENT_FRAMES, Clip, PhoneEvidence, Phones, SegmentVerdict, TrackVerdict, Verdict
from npvf.data.transforms import OUTER_LIPS
from npvf.detect.heatmaps import PictureEvidence, jpeg
from npvf.detect.paste import MaskPiece
from npvf.detect.scoring import ScoredClip
from npvf.errors import NpvfError, Reason, Refused

if TYPE_CHECKING:
    from npvf.detect.detector import Detector

SILENCE = "sil"
THUMBNAILS = 8  # faces kept of a clip
MOUTHS = 8  # sounds of a clip whose mouths are kept
SHORTEST = 1 / FPS  # seconds; a sound below that hardly shows in a picture
_THUMBNAIL_SIZE = (112, 112)
_MOUTH_SIDE = 104  # pixels of the crop around the lips
_EPSILON = 1e-6  # times are sums of 10 ms steps: no rounding error may reach into the next frame
# These say that the file is broken, not that it shows nothing to judge.
BROKEN = frozenset({Reason.NOT_FOUND, Reason.UNDECODABLE, Reason.BAD_SIDECAR})


@dataclass(slots=True)
class ClipEvidence:
    """What is kept of a clip once it is judged: its scores, phones and a few small pictures, not its frames.

    `scored` is None for a face that does not speak, `picture` where nobody looked for forged pixels. `phones` are on
    the clip's own clock, `span` on its video's.
    `sounds` are those that met a picture, on the video's clock, each with the agreement of its frames.
    `faces` and `mouths` are JPEGs by frame: faces evenly over the clip, mouths at the sounds that fit them least.
    `no_sound` is the code of why the video has none.
    """

    track: int
    span: tuple[float, float]
    phones: Phones
    scored: ScoredClip | None
    sounds: list[PhoneEvidence] = field(default_factory=list)
    faces: dict[int, bytes] = field(default_factory=dict)
    mouths: dict[int, bytes] = field(default_factory=dict)
    picture: PictureEvidence | None = None
    no_sound: str | None = None

    @classmethod
    def of(cls, clip: Clip, scored: ScoredClip | None, critical: Set[str] = frozenset()) -> ClipEvidence:
        """Keep what a verdict and its report need."""
        item = cls(clip.meta.track, clip.meta.span, clip.phones, scored, no_sound=clip.meta.no_sound)
        for frame in np.linspace(0, clip.frames - 1, THUMBNAILS).round().astype(int).tolist():
            item.faces[frame] = jpeg(cv2.resize(clip.face_THWC[frame], _THUMBNAIL_SIZE, interpolation=cv2.INTER_AREA))
        if scored is not None:
            item.sounds = phone_evidence(item, scored, critical)
            for sound in most_suspicious(item.sounds, MOUTHS):
                frame = item.frame_of(sound)
                item.mouths[frame] = jpeg(_mouth(clip, frame))
        return item

    @property
    def offset_s(self) -> float:
        """By how much the sound was moved before it was judged."""
        return self.scored.offset_s or 0.0 if self.scored and self.scored.undone else 0.0

    def frame_of(self, sound: PhoneEvidence) -> int:
        """The clip's frame in the middle of a sound of this clip."""
        middle = (sound.start + sound.end) / 2 - self.span[0] - self.offset_s
        return int(np.clip(middle * FPS, 0, round((self.span[1] - self.span[0]) * FPS) - 1))


@dataclass(slots=True)
class Judgement:
    """A verdict and the evidence it rests on.

    `broken` says that the file could not be read at all; `seconds` is the video's length, 0 where nobody knows.
    `masks` are those of its faces, where forged pixels were looked for; `size` and `fps` are its own.
    """

    verdict: Verdict
    evidence: list[ClipEvidence] = field(default_factory=list)
    seconds: float = 0.0
    sha256: str = ""
    broken: bool = False
    masks: list[MaskPiece] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    fps: float = FPS

    @classmethod
    def abstain(cls, video: str, error: NpvfError, detector: str) -> Judgement:
        """What is said of a video that cannot be judged: its reason is the refusal's code and sentence.

        An error that is no refusal has the code "error"; like the refusals in `BROKEN` it makes the file a broken one.
        """
        return cls(
            Verdict(
                video=video,
                fake_probability=None,
                verdict="abstain",
                reason=str(error) if isinstance(error, Refused) else f"error: {error}",
                audio_offset_s=None,
                tracks=[],
                phone_source=None,
                coverage=0.0,
                detector=detector,
            ),
            broken=not isinstance(error, Refused) or error.reason in BROKEN,
        )

    def suspects(self, count: int) -> list[tuple[PhoneEvidence, ClipEvidence]]:
        """The sounds of the whole video that go least with the lips, the worst first, and where they come from."""
        found = [(s, item) for item in self.evidence for s in most_suspicious(item.sounds, count)]
        return sorted(found, key=lambda pair: pair[0].agreement)[:count]


def build_verdict(evidence: Sequence[ClipEvidence], video: str, seconds: float, detector: Detector) -> Verdict:
    """Judge tracks by the mean logit of their segments, and a video of `seconds` by its most suspicious track."""
    tracks = [_track(number, items, detector) for number, items in by_track(evidence).items()]
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
        coverage=coverage(_judged_frames(evidence), seconds),
        detector=detector.settings.name,
        threshold=detector.settings.threshold,
    )


def by_track(evidence: Sequence[ClipEvidence]) -> dict[int, list[ClipEvidence]]:
    """The clips of each face, in order of their numbers."""
    tracks: dict[int, list[ClipEvidence]] = defaultdict(list)
    for item in evidence:
        tracks[item.track].append(item)
    return dict(sorted(tracks.items()))


def coverage(judged: Iterable[slice], seconds: float) -> float:
    """Share of a video's time that lies in a judged stretch of frames."""
    seen = np.zeros(max(1, round(seconds * FPS)), dtype=bool)
    for frames in judged:
        seen[frames] = True
    return float(seen.mean())


def too_close(probability: float, threshold: float) -> str:
    """The reason to abstain where a probability is undecided."""
    return f"too_close_to_call: {probability:.2f} is too close to the threshold of {threshold:.2f}"


def _decide(
    probability: float | None, speech: float, detector: Detector
) -> tuple[Literal["real", "fake", "abstain"], str]:
    threshold = detector.settings.threshold
    if probability is None:
        return "abstain", f"{Reason.TOO_LITTLE_SPEECH}: lips and sound could be compared for {speech:.1f} s only"
    if abs(probability - threshold) < detector.settings.undecided:
        return "abstain", too_close(probability, threshold)
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
    segments = []
    for start, logit in zip(scored.starts_K.tolist(), scored.logits_K.tolist(), strict=True):
        frames = slice(start, start + SEGMENT_FRAMES)
        gate = scored.gate_T[frames]
        begin, end = shift + start / FPS, shift + (start + SEGMENT_FRAMES) / FPS
        segments.append(
            SegmentVerdict(
                start=begin,
                end=end,
                fake_probability=detector.settings.calibration.probability(logit),
                agreement=float(scored.agreement_T[frames][gate].mean()),
                phones=[s for s in item.sounds if s.end - item.offset_s > begin and s.start - item.offset_s < end],
            )
        )
    return segments


def phone_evidence(item: ClipEvidence, scored: ScoredClip, critical: Set[str]) -> list[PhoneEvidence]:
    """The sounds of a clip, each with the mean agreement of its frames.

    Their times are those at which they are heard in the video; the frames are those that the offset moves them to. A
    sound that it moves out of the clip met no picture, and is not among them.
    """
    frames = len(scored.agreement_T)
    found = []
    for p in item.phones.items:
        if p.phone == SILENCE:
            continue
        start, stop = p.start - item.offset_s, p.end - item.offset_s
        first = int(np.floor(start * FPS + _EPSILON))
        last = max(int(np.ceil(stop * FPS - _EPSILON)), first + 1)
        met_T = scored.agreement_T[max(first, 0) : min(max(last, 0), frames)]
        met_T = met_T[np.isfinite(met_T)]
        if len(met_T):
            times = item.span[0] + p.start, item.span[0] + p.end
            found.append(PhoneEvidence(p.phone, *times, p.phone in critical, float(met_T.mean())))
    return found


def most_suspicious(sounds: Sequence[PhoneEvidence], count: int) -> list[PhoneEvidence]:
    """Those that go least with the lips, the worst first; very short ones are left out."""
    return sorted((s for s in sounds if s.end - s.start > SHORTEST - _EPSILON), key=lambda s: s.agreement)[:count]


def _offset(judged: Sequence[ClipEvidence]) -> float | None:
    """The offset of the longest clip that has one."""
    known = [item for item in judged if item.scored and item.scored.offset is not None]
    if not known:
        return None
    longest = max(known, key=lambda item: item.span[1] - item.span[0])
    return longest.scored.offset_s if longest.scored else None


def _judged_frames(evidence: Sequence[ClipEvidence]) -> Iterator[slice]:
    """Of each judged segment."""
    for item in evidence:
        for first in item.scored.starts_K.tolist() if item.scored else []:
            begin = round(item.span[0] * FPS) + first
            yield slice(begin, begin + SEGMENT_FRAMES)


def _mouth(clip: Clip, frame: int) -> np.ndarray:
    """The square around the lips, (104, 104, 3)."""
    corner = clip.landmarks_TN2[frame, OUTER_LIPS].mean(axis=0) - _MOUTH_SIDE / 2
    height, width = clip.face_THWC.shape[1:3]
    x, y = np.clip(corner, 0, (width - _MOUTH_SIDE, height - _MOUTH_SIDE)).round().astype(int)
    return clip.face_THWC[frame, y : y + _MOUTH_SIDE, x : x + _MOUTH_SIDE]
