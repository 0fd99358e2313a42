"""What travels through the house: clocks, label convention, `Phone`, `Phones`, `Clip` and `Verdict`.

One video frame is four mel frames is 640 samples. Both streams share one time zero: the presentation time of the
first video frame. Time is in seconds, boxes are (x0, y0, x1, y1) in pixels, images are RGB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

FPS = 25
SAMPLE_RATE = 16_000
MEL_PER_FRAME = 4
MEL_RATE = FPS * MEL_PER_FRAME
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
SEGMENT_FRAMES = 24  # 0.96 s, the "96 x 64 log-mel" clip of NPVForensics
N_MELS = 64
CROP_SIZE = 224

REAL = 0
FAKE = 1

PhoneSource = Literal["times", "transcript", "recogniser", "voice_activity"]


@dataclass(frozen=True, slots=True)
class Phone:
    """One speech sound. `phone` is lower-case ARPAbet without stress, `sil` (silence) or `spn` (unknown speech)."""

    phone: str
    start: float
    end: float
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Phones:
    """The sounds of one clip in order of time, and which source said so."""

    items: tuple[Phone, ...]
    source: PhoneSource

    def between(self, start: float, end: float, shift: float = 0.0) -> Phones:
        """Those that overlap [start, end), cut to it, with `shift` added to their times."""
        cut = (
            Phone(p.phone, max(p.start, start) + shift, min(p.end, end) + shift, p.confidence)
            for p in self.items
            if p.start < end and p.end > start
        )
        return Phones(tuple(cut), self.source)

    def to_json(self) -> dict[str, Any]:
        return {"source": self.source, "phones": [asdict(p) for p in self.items]}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Phones:
        return cls(tuple(Phone(**p) for p in content["phones"]), content["source"])


@dataclass(slots=True)
class ClipMeta:
    """Where a clip comes from and what is known about it. Everything here is JSON.

    `label`, `manipulation`, `identity`, `intervals` and the like are None (or empty) where nobody said:
    an unknown is never guessed. `span` is the clip's place on the clock of its source video.
    """

    key: str  # unique in a corpus: <video id>-t<track>-<piece>
    video: str  # the video's id in its corpus: the source path relative to the prepared folder
    source_sha256: str
    track: int
    span: tuple[float, float]
    faces: int  # how many face tracks the video holds
    speaking: float | None = None  # score of the sound belonging to this track, [-1, 1]; None: not measured
    is_speaker: bool = True  # the track of this video with the best `speaking`; False where there is no sound
    no_sound: str | None = None  # a refusal's code where the video has no sound: then `audio_N` is no recording
    source_fps: float = 0.0
    source_size: tuple[int, int] = (0, 0)  # width, height
    source_codec: str = ""
    label: int | None = None
    manipulation: str | None = None
    identity: str | None = None  # the person shown
    identities: tuple[str, ...] = ()  # every identity shown or driven by: a split is disjoint in all of them
    original: str | None = None  # the real video a forgery was made from
    split: str | None = None
    intervals: tuple[tuple[float, float], ...] = ()  # forged spans on the clip's own clock
    sound_moved: int = 0  # frames by which `npvf sync` has moved the sound against the source video
    audio_label: int | None = None  # of each stream on its own
    video_label: int | None = None
    category: str | None = None  # the corpus's own class of forgery
    attributes: dict[str, str] = field(default_factory=dict)  # race, gender, ... as the corpus says them
    settings: dict[str, Any] = field(default_factory=dict)  # versions and settings that made it

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> ClipMeta:
        pairs = {"span": tuple(content["span"]), "source_size": tuple(content["source_size"])}
        lists = {
            "identities": tuple(content["identities"]),
            "intervals": tuple((float(a), float(b)) for a, b in content["intervals"]),
        }
        return cls(**{**content, **pairs, **lists})


@dataclass(slots=True)
class Clip:
    """A piece of one face track with its sound: what one shard sample holds. T frames at 25 fps.

    Shapes:
        face_THWC: (T, 224, 224, 3) uint8, similarity-aligned crops.
        audio_N: (640 T,) float32 in [-1, 1], 16 kHz mono; sample 0 sounds at frame 0.
        landmarks_TN2: (T, 478, 2) float32, MediaPipe's points in crop pixels.
        source_landmarks_TN2: the same points in pixels of the source frame.
        transform_T23: (T, 2, 3) float32, source pixels -> crop pixels.
        confidence_T: (T,) float32, detection confidence; 0 where a short loss was bridged by interpolation.
        mask_THW: (T, 224, 224) bool, the forged pixels of the crops. None: not known, or in a real clip: none is.
    """

    face_THWC: np.ndarray
    audio_N: np.ndarray
    landmarks_TN2: np.ndarray
    source_landmarks_TN2: np.ndarray
    transform_T23: np.ndarray
    confidence_T: np.ndarray
    phones: Phones
    meta: ClipMeta
    mask_THW: np.ndarray | None = None

    @property
    def frames(self) -> int:
        return len(self.face_THWC)

    @property
    def seconds(self) -> float:
        return self.frames / FPS


@dataclass(slots=True)
class PhoneEvidence:
    """One sound of a verdict: do the lips go with it? `agreement` is a cosine in [-1, 1]."""

    phone: str
    start: float
    end: float
    critical: bool
    agreement: float


@dataclass(slots=True)
class SegmentVerdict:
    """0.96 s of one track."""

    start: float
    end: float
    fake_probability: float
    agreement: float
    phones: list[PhoneEvidence] = field(default_factory=list)


@dataclass(slots=True)
class TrackVerdict:
    """One face over its time in the picture."""

    id: int
    span: tuple[float, float]
    fake_probability: float | None
    segments: list[SegmentVerdict] = field(default_factory=list)
    forged_area: float | None = None  # percent of the face's pixels called forged, mean over time; None: not looked for
    mask: str | None = None  # a video of its forged pixels, as large as the source and on its clock


@dataclass(slots=True)
class PartVerdict:
    """What one of the two methods says of the face that decided: "speech" (lips and sound) or "picture" (pixels).

    `logit` is the log-odds of its own `fake_probability`; `contribution` what it adds to the log-odds of the verdict's,
    and `share` the part of that in all contributions, sign aside. Where it had nothing to judge, `reason` says why, it
    adds nothing, and the other one answers alone.
    """

    part: Literal["speech", "picture"]
    fake_probability: float | None
    logit: float | None
    contribution: float
    share: float
    reason: str


@dataclass(slots=True)
class Verdict:
    """What npvf says of one video.

    `fake_probability` is None where there was nothing to judge; where it abstains because that is too close to the
    threshold, it is there. The reason to abstain begins with a code: `no_face: ...`. `parts` says what each method
    contributes, where the detector looks for forged pixels. `threshold` is where "fake" begins.
    """

    video: str
    fake_probability: float | None
    verdict: Literal["real", "fake", "abstain"]
    reason: str
    audio_offset_s: float | None
    tracks: Sequence[TrackVerdict]
    phone_source: PhoneSource | None
    coverage: float  # judged share of the video's time
    detector: str
    threshold: float = 0.5
    parts: Sequence[PartVerdict] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
