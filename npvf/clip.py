"""The types that all parts of npvf share: clocks, labels, `Phone`, `Phones`, `Clip`, `Finding` and `Verdict`.

One video frame lasts as long as 4 mel frames or 640 audio samples. Time zero of video and audio is the presentation
time of the first video frame. Times are in seconds, boxes are (x0, y0, x1, y1) in pixels, images are RGB.
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
POSTERIORS_PER_FRAME = 2  # the phone recogniser hears 50 frames a second
SEGMENT_FRAMES = 24  # 0.96 s, the "96 x 64 log-mel" clip of NPVForensics
N_MELS = 64
MOUTH_POINTS = 64  # of lips, jaw and cheeks, see npvf.faces.mouth_geometry
CROP_SIZE = 224
# How a mouth moves: npvf.faces.mouth_motion measures it, and npvf.models.motion judges it.
MOTION_STATISTICS = (
    "asymmetry",
    "jaw_with_opening",
    "width_with_opening",
    "jaw_share",
    "opening_jerk",
    "jaw_jerk",
    "width_jerk",
    "opening_fast",
    "jaw_fast",
    "width_fast",
    "cheeks_share",
    "chin_share",
)

REAL = 0
FAKE = 1

PhoneSource = Literal["times", "transcript", "recogniser", "voice_activity"]
VerdictName = Literal["real", "fake", "mismatch", "abstain"]
FindingName = Literal["sound_and_lips", "mouth_motion", "picture"]
Statement = Literal["agree", "disagree", "person", "generator", "untouched", "replaced", "undecided", "not_judged"]


@dataclass(frozen=True, slots=True)
class Phone:
    """One speech sound. `phone` is lower-case ARPAbet without stress, `sil` (silence) or `spn` (unknown speech)."""

    phone: str
    start: float
    end: float
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Phones:
    """The phones of one clip in order of time, and the source they come from.

    Examples:
        >>> phones = Phones((Phone("sil", 0.0, 0.2), Phone("m", 0.2, 0.3), Phone("aa", 0.3, 0.5)), source="transcript")
        >>> [(p.phone, round(p.start, 2), round(p.end, 2)) for p in phones.between(0.25, 0.4, shift=-0.25).items]
        [('m', 0.0, 0.05), ('aa', 0.05, 0.15)]
        >>> Phones.from_json(phones.to_json()) == phones
        True
    """

    items: tuple[Phone, ...]
    source: PhoneSource

    def between(self, start: float, end: float, shift: float = 0.0) -> Phones:
        """Return the phones that overlap [start, end), cut to it, with `shift` added to their times."""
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
    """The origin of a clip and what is known about it. All values can be written as JSON.

    `label`, `manipulation`, `identity`, `intervals` and similar fields are None (or empty) if they are unknown; they
    are never guessed. `span` is the position of the clip on the clock of its source video.
    """

    key: str  # unique in a corpus: <video id>-t<track>-<number of the clip in its track>
    video: str  # the video's id in its corpus: the source path relative to the prepared folder
    source_sha256: str
    track: int
    span: tuple[float, float]
    faces: int  # the number of face tracks in the video
    speaking: float | None = None  # how well the audio fits this track, [-1, 1]; None: not measured
    is_speaker: bool = True  # True for the track with the best `speaking`; False if the video has no audio
    no_sound: str | None = None  # the refusal code if the video has no audio; `audio_N` is then not a recording
    source_fps: float = 0.0
    source_size: tuple[int, int] = (0, 0)  # width, height
    source_codec: str = ""
    label: int | None = None
    manipulation: str | None = None
    identity: str | None = None  # the person shown
    identities: tuple[str, ...] = ()  # all people shown or used as a donor: a split is disjoint in all of them
    original: str | None = None  # the real video a forgery was made from
    split: str | None = None
    intervals: tuple[tuple[float, float], ...] = ()  # forged spans on the clip's own clock
    sound_moved: int = 0  # frames by which `npvf sync` has moved the audio against the source video
    audio_label: int | None = None  # the label of the audio alone
    video_label: int | None = None  # the label of the frames alone
    category: str | None = None  # the class of forgery, as the corpus names it
    attributes: dict[str, str] = field(default_factory=dict)  # race, gender, ... as the corpus gives them
    settings: dict[str, Any] = field(default_factory=dict)  # the versions and settings that made the clip
    media: dict[str, Any] = field(default_factory=dict)  # "changed": what was done to the file before it was cut up

    @property
    def person(self) -> str:
        """The person shown; if unknown, each video counts as one person, and a forgery as that of its original."""
        return self.identity or self.original or self.video

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


@dataclass(slots=True, weakref_slot=True)
class Clip:
    """A part of one face track, at most 20 s, with its audio. Stored as one sample of a shard. T frames at 25 fps.

    Shapes:
        face_THWC: (T, 224, 224, 3) uint8, similarity-aligned crops.
        audio_N: (640 T,) float32 in [-1, 1], 16 kHz mono; sample 0 is at the time of frame 0.
        landmarks_TN2: (T, 478, 2) float32, MediaPipe's landmarks in pixels of the crop.
        source_landmarks_TN2: the same landmarks in pixels of the source frame.
        transform_T23: (T, 2, 3) float32, maps source pixels to crop pixels.
        confidence_T: (T,) float32, detection confidence; 0 in frames whose landmarks are interpolated.
        mask_THW: (T, 224, 224) bool, the forged pixels of the crops. None if the mask is unknown, and in a real clip,
            where no pixel is forged.
        posteriors_FP: (2 T, 191) uint8, the phone recogniser's posteriors (`npvf.speech.recogniser.Heard`). None if
            they are not stored (the phones came from another source); a model that takes them then computes them.
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
    posteriors_FP: np.ndarray | None = None

    @property
    def frames(self) -> int:
        return len(self.face_THWC)

    @property
    def seconds(self) -> float:
        return self.frames / FPS


@dataclass(slots=True)
class PhoneEvidence:
    """One phone of a verdict. `agreement` is the cosine of lips and audio in [-1, 1]; low values are suspicious."""

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
    """The verdict on one face track. `fake_probability` is None if the track could not be judged."""

    id: int
    span: tuple[float, float]
    fake_probability: float | None
    segments: list[SegmentVerdict] = field(default_factory=list)
    forged_area: float | None = None  # percent of face pixels marked as forged, mean over time; None: no localizer
    mask: str | None = None  # a video of the forged pixels, with the size and clock of the source


@dataclass(slots=True)
class PartVerdict:
    """The result of one method for the face that decided: "speech" (lips and audio) or "picture" (forged pixels).

    `logit` is the log-odds of this method's `fake_probability`. `contribution` is the term that it adds to the log-odds
    of the verdict, and `share` is the size of that term relative to the sizes of all terms. If the method had nothing
    to judge, `reason` says why, `contribution` is 0, and the other method decides alone.
    """

    part: Literal["speech", "picture"]
    fake_probability: float | None
    logit: float | None
    contribution: float
    share: float
    reason: str


@dataclass(slots=True)
class Finding:
    """The result of one method for a video: how strongly it supports one of two propositions.

    Attributes:
        name: the method.
        statement: "disagree", "generator" or "replaced" if the first proposition is supported, "agree", "person" or
            "untouched" if the second one is, "undecided" if neither, "not_judged" if `reason` says why.
        propositions: the two propositions, in words.
        log10_lr: log10 of the likelihood ratio: positive values support the first proposition, negative values the
            second one. It does not leave `bounds`. None if the method could not judge the video.
        bounds: the smallest and the largest log10 likelihood ratio that the calibration data support.
        words: the strength in words: "no", "weak", "moderate", "strong" or "very strong"; "" if not judged.
        reason: why the method could not judge the video; begins with a code ("music_or_noise: ...").
        track: the face that the finding is about; None if not judged.
        measurements: the numbers that decided whether the method could judge this face, by name.
    """

    name: FindingName
    statement: Statement
    propositions: tuple[str, str]
    log10_lr: float | None = None
    bounds: tuple[float, float] | None = None
    words: str = ""
    reason: str = ""
    track: int | None = None
    measurements: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PersonComparison:
    """The motion of a face in comparison with genuine videos of the same person (`npvf.detect.known_person`).

    Attributes:
        statement: "unlike": farther from the genuine videos than each of them is from the others; "like": among the
            nearer three quarters of them; "undecided": between; "not_judged": `reason` says why.
        videos, seconds: of the genuine material.
        distance: of the questioned video; None if not judged.
        among: the distance of each genuine video from the others, in ascending order.
        as_far: how many of them are at least as far as the questioned video.
        reason: begins with a code ("too_short: ...").
    """

    statement: Literal["like", "unlike", "undecided", "not_judged"]
    videos: int
    seconds: float
    distance: float | None = None
    among: tuple[float, ...] = ()
    as_far: int = 0
    reason: str = ""

    def __str__(self) -> str:
        """Return one sentence."""
        if self.distance is None:
            return self.reason
        material = f"{self.videos} genuine videos ({self.seconds:.0f} s)"
        if self.statement == "unlike":
            return f"the face moves less like {material} of this person than each of them like the others"
        way = "as" if self.statement == "like" else "less than most, but not unlike,"
        rank = f"{self.as_far} of them are at least as far from the others"
        return f"the face moves {way} in {material} of this person: {rank}"


@dataclass(slots=True)
class Verdict:
    """The verdict on one video.

    `fake_probability` is None if there was nothing to judge. If npvf abstains because the probability is too close to
    the threshold, the probability is given. A reason to abstain begins with a code: `no_face: ...`. `parts` gives the
    contribution of each method of a fused detector. A video is called fake if its probability reaches `threshold`.
    Probability and threshold were fitted on the videos of `people` people (None: unknown).

    `Detector` alone gives `findings` and the verdict "mismatch": sound and lips do not fit each other, which is not a
    sign of a forgery. Its `fake_probability` ranks videos by the evidence for a forgery; the strength of that evidence
    is the likelihood ratio of each finding. `measurements` are those of the face that decided, and `warnings` name
    conditions of the video in which errors are more frequent; each begins with a code (`small_face: ...`).
    """

    video: str
    fake_probability: float | None
    verdict: VerdictName
    reason: str
    audio_offset_s: float | None
    tracks: Sequence[TrackVerdict]
    phone_source: PhoneSource | None
    coverage: float  # judged share of the video's time
    detector: str
    threshold: float = 0.5
    parts: Sequence[PartVerdict] | None = None
    people: int | None = None
    findings: Sequence[Finding] = ()
    measurements: dict[str, float] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    known_person: PersonComparison | None = None  # with genuine videos of the same person, if they are given
    changed: Sequence[str] = ()  # what was done to the file before it was judged, such as removing interlacing

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
