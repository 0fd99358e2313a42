"""Turn the logits of the clips of a video into one score: a probability with a verdict, or a reason to abstain.

The rule is the same in calibration, in `npvf detect`, in `npvf evaluate` and in `npvf robustness`:

1. A track's segments become one logit, `pool_logits`: a mean in which high logits weigh more, so that a few forged
   words in a long video are not lost. The settings' calibration turns it into log-odds.
2. The video has the log-odds of its most suspicious track.
3. There is no score if less than `min_speech` seconds of speech, in all tracks of the video together, can be compared
   with the lips, or if no track has a segment.
4. The video is fake from `threshold` on. Within `undecided` of the threshold the verdict is "abstain".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import Any, Self, get_type_hints

import numpy as np
from scipy.special import expit, logsumexp

from npvf.clip import FPS, SEGMENT_FRAMES, Finding, PartVerdict, VerdictName
from npvf.detect.calibration import Calibration
from npvf.errors import NpvfError, Reason


@dataclass(frozen=True, slots=True)
class ClipScore:
    """The result of a predictor for one clip of one face: raw logits, not yet a probability.

    Attributes:
        key, video, track: those of the clip.
        logits: one for each segment that was judged, high for a likely forgery; empty if none could be judged.
        starts: first frames of these segments in the clip; empty for a predictor that judges the clip as a whole.
        seconds: the duration to which one logit refers; it is the weight of the logit.
        speech: seconds of speech in the clip that can be compared with the lips.
        reason: the reason why there are no logits; begins with a code ("no_audio: ..."). "" if the clip was judged, or
            if it contains too little speech.
        parts: the results of the fused predictors for the clip, by name.
        measurements: numbers that decide whether the clip can be judged, by name (`npvf.detect.conditions`).
        warnings: conditions in which errors are more frequent; each begins with a code.
    """

    key: str
    video: str
    track: int
    logits: tuple[float, ...] = ()
    starts: tuple[int, ...] = ()
    seconds: float = SEGMENT_FRAMES / FPS
    speech: float = 0.0
    reason: str = ""
    parts: Mapping[str, ClipScore] = field(default_factory=dict)
    measurements: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSettings:
    """The settings from logits to a verdict. Predictors add settings of their own.

    Attributes:
        name: the name of the predictor in verdicts.
        sharpness: the sharpness of the pooling over the segments of a track, see `pool_logits`.
        calibration: from the pooled logit of a track to its probability of fake.
        segment_calibration: from the logit of one segment to its probability; single segments vary more than tracks.
        threshold: a video is fake from this probability on.
        undecided: a probability closer to the threshold than this is too close to call.
        min_speech: seconds of a video in which lips and audio must be comparable.
        people: number of people that calibration and threshold were fitted on; None: unknown, or nothing was fitted.
    """

    name: str = "detector"
    sharpness: float = 1.0
    calibration: Calibration = field(default_factory=Calibration)
    segment_calibration: Calibration = field(default_factory=Calibration)
    threshold: float = 0.5
    undecided: float = 0.05
    min_speech: float = 0.0
    people: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the content for `config.json`."""
        return asdict(self)

    def configured(self, **overrides: Any) -> Self:
        """Replace some settings. None keeps a setting; `scoring__hop` is the setting `hop` of the part `scoring`.

        Raises:
            NpvfError: there is no such setting.
        """
        settings = self
        for key, value in overrides.items():
            outer, _, inner = key.partition("__")
            if value is None:
                continue
            try:
                value = replace(getattr(settings, outer), **{inner: value}) if inner else value
                settings = replace(settings, **{outer: value})
            except (AttributeError, TypeError) as error:
                raise NpvfError(f"{self.name} has no setting {key!r}") from error
        return settings

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read the content of `config.json`. Raises NpvfError if a key is unknown."""
        parts: dict[str, Any] = {name: kind for name, kind in get_type_hints(cls).items() if is_dataclass(kind)}
        try:
            return cls(**{k: parts[k](**value) if k in parts else value for k, value in content.items()})
        except TypeError as error:
            raise NpvfError(f"these settings are not those of this version of npvf ({error}): train again") from error


@dataclass(frozen=True, slots=True)
class TrackScore:
    """The calibrated log-odds that one face is forged; None if not judged, with a reason that begins with a code."""

    log_odds: float | None
    reason: str = ""

    @property
    def probability(self) -> float | None:
        """The probability of fake."""
        return None if self.log_odds is None else float(expit(self.log_odds))


@dataclass(frozen=True, slots=True)
class VideoScore:
    """The score of a video, which is that of its most suspicious track, and the verdict.

    Attributes:
        tracks: all tracks, by number.
        worst: the number of the most suspicious track; None if no track has a score.
        verdict, reason: the reason to abstain begins with a code; "" for other verdicts.
        threshold: the smallest probability that is called fake.
        parts: what each fused predictor adds to the log-odds of the worst track.
        findings: what each method of a `Detector` found.
        measurements: those of the face that decided.
        warnings: conditions in which errors are more frequent; each begins with a code.
    """

    tracks: Mapping[int, TrackScore]
    worst: int | None
    verdict: VerdictName
    reason: str
    threshold: float
    parts: tuple[PartVerdict, ...] = ()
    findings: tuple[Finding, ...] = ()
    measurements: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def log_odds(self) -> float | None:
        """The calibrated log-odds of fake; None if there was nothing to judge."""
        return None if self.worst is None else self.tracks[self.worst].log_odds

    @property
    def probability(self) -> float | None:
        """The probability of fake; None if there was nothing to judge."""
        return None if self.worst is None else self.tracks[self.worst].probability


def aggregate(clips: Sequence[ClipScore], settings: DecisionSettings) -> VideoScore:
    """Return the score of one video from those of its clips, in any order; the rule is at the top of this file.

    Examples:
        >>> clips = [ClipScore("a-t0-000", "a.mp4", track=0, logits=(3.0, 2.5), speech=1.9)]
        >>> score = aggregate(clips, DecisionSettings())
        >>> score.verdict, round(score.probability, 2)
        ('fake', 0.94)
        >>> score = aggregate(clips, DecisionSettings(min_speech=2.0))
        >>> score.verdict, score.reason
        ('abstain', 'too_little_speech: only 1.9 s of speech can be compared with the lips')
    """
    return decide(score_tracks(clips, settings), settings.threshold, settings.undecided)


def score_tracks(clips: Sequence[ClipScore], settings: DecisionSettings) -> dict[int, TrackScore]:
    """Return the score of each track of one video, by number."""
    speech = sum(clip.speech for clip in clips)
    too_short = f"{Reason.TOO_LITTLE_SPEECH}: only {speech:.1f} s of speech can be compared with the lips"
    tracks: dict[int, list[ClipScore]] = defaultdict(list)
    for clip in clips:
        tracks[clip.track].append(clip)
    found = {}
    for number, items in sorted(tracks.items()):
        reasons = [clip.reason for clip in items]
        judged = [clip for clip in items if clip.logits]
        if all(reasons):  # such as "another_speaks": speech elsewhere in the video changes nothing for this track
            found[number] = TrackScore(None, reasons[0])
        elif speech < settings.min_speech or not judged:
            found[number] = TrackScore(None, too_short)
        else:
            logits_K = np.concatenate([clip.logits for clip in judged])
            weights_K = np.repeat([clip.seconds for clip in judged], [len(clip.logits) for clip in judged])
            pooled = pool_logits(logits_K, settings.sharpness, weights_K)
            found[number] = TrackScore(settings.calibration.log_odds(pooled))
    return found


def decide(tracks: Mapping[int, TrackScore], threshold: float, undecided: float) -> VideoScore:
    """Return the verdict on a video from the scores of its tracks."""
    scored = {number: track.log_odds for number, track in tracks.items() if track.log_odds is not None}
    if not scored:
        return VideoScore(tracks, None, "abstain", _why_none(tracks), threshold)
    worst = max(scored, key=lambda number: scored[number])  # the first of equals
    p = float(expit(scored[worst]))
    if abs(p - threshold) < undecided:
        reason = f"too_close_to_call: {p:.2f} is too close to the threshold of {threshold:.2f}"
        return VideoScore(tracks, worst, "abstain", reason, threshold)
    return VideoScore(tracks, worst, "fake" if p >= threshold else "real", "", threshold)


def pool_logits(logits_K: np.ndarray, sharpness: float, weights_K: np.ndarray | None = None) -> float:
    """Pool logits x: log(mean(exp(s x))) / s with sharpness s. s = 0 gives the mean, a large s nearly the maximum.

    Unlike a maximum, or the mean of the highest, it does not grow with the number of segments.

    Args:
        logits_K: at least one.
        sharpness: s, at least 0.
        weights_K: the weights of the mean; None: all equal.

    Examples:
        >>> logits = np.array([-4.0, -4.0, -4.0, 4.0])  # one forged word
        >>> [round(pool_logits(logits, sharpness), 2) for sharpness in (0, 1, 10)]
        [-2.0, 2.61, 3.86]
    """
    weights_K = np.ones(len(logits_K)) if weights_K is None else weights_K
    share_K = weights_K / weights_K.sum()
    if sharpness == 0:
        return float(share_K @ logits_K)
    return float(logsumexp(sharpness * np.asarray(logits_K, np.float64), b=share_K) / sharpness)


def segment_means(values_T: np.ndarray) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return means over successive segments of 24 frames and their first frames; the last one ends with the clip.

    A clip that is shorter than a segment counts as one segment.
    """
    last = max(len(values_T) - SEGMENT_FRAMES, 0)
    starts = sorted({*range(0, last + 1, SEGMENT_FRAMES), last})
    return tuple(float(values_T[s : s + SEGMENT_FRAMES].mean()) for s in starts), tuple(starts)


def _why_none(tracks: Mapping[int, TrackScore]) -> str:
    """Return the reason to abstain: too little speech if a track has it, else that of the first track."""
    reasons = [track.reason for track in tracks.values()]
    speaks = [reason for reason in reasons if reason.startswith(Reason.TOO_LITTLE_SPEECH)]
    return next(iter(speaks or reasons), f"{Reason.NO_FACE}: there is no face to judge")
