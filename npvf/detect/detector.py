"""`Detector`: up to three methods look at a video, and a rule makes one verdict of their findings.

The methods are predictors of their own: do sound and lips fit each other (`sound_and_lips`), does the mouth move as a
person's does (`mouth_motion`), and are the pixels of the face as the camera made them (`picture`)? `npvf.detect.rule`
has the rule, `npvf.detect.conditions` says when a method is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scipy.special import logit

from npvf.clip import Clip, ClipMeta, Finding, FindingName
from npvf.detect.aggregate import ClipScore, DecisionSettings, TrackScore, VideoScore
from npvf.detect.card import write_card
from npvf.detect.conditions import Conditions, ConditionSettings, measure
from npvf.detect.evidence import ClipEvidence
from npvf.detect.false_alarms import FalseAlarms
from npvf.detect.findings import FORGERY, MOUTH_MOTION, NAMES, PICTURE, SOUND_AND_LIPS, finding, not_found
from npvf.detect.likelihood import LikelihoodRatio
from npvf.detect.loading import folder_with, from_pretrained
from npvf.detect.predictor import Predictor, not_judged
from npvf.detect.rule import explain, forgery_evidence, verdict_of
from npvf.detect.sync_peak import with_peak, without_late_sound
from npvf.errors import NpvfError
from npvf.io.files import write_json
from npvf.models.batch import InputSpec
from npvf.models.pretrained import CONFIG_FILE, read_config
from npvf.speech.gate import Gate
from npvf.version import __version__

KEY = "findings"  # of `config.json`


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSettings(DecisionSettings):
    """The settings of a detector beside its methods. `sharpness` and the calibrations are those of the methods.

    Attributes:
        threshold: a video is fake from this probability on, which is the evidence for a forgery at equal prior odds.
        mismatch: sound and lips disagree from this probability on.
        false_alarms, mismatch_alarms: the genuine videos that chose these two thresholds.
        conditions: when a method is not asked.
    """

    name: str = "npvf"
    undecided: float = 0.0
    threshold: float = 0.9
    mismatch: float = 0.9
    false_alarms: FalseAlarms = field(default_factory=FalseAlarms)
    mismatch_alarms: FalseAlarms = field(default_factory=FalseAlarms)
    conditions: ConditionSettings = field(default_factory=ConditionSettings)


class Detector(Predictor):
    """Judges every face of a video by all its methods.

    Args:
        parts: the methods by the names of their findings. At least one of them finds forgeries (`mouth_motion`,
            `picture`).
        likelihood: the calibration of each method, from its log-odds; without one, a method supports nothing.
        settings: the thresholds, and when a method is not asked.

    Raises:
        NpvfError: a name is unknown, or no method finds forgeries.
    """

    settings: DetectorSettings
    needs_sound = False

    def __init__(
        self,
        parts: Mapping[FindingName, Predictor],
        likelihood: Mapping[FindingName, LikelihoodRatio] | None = None,
        settings: DetectorSettings | None = None,
    ) -> None:
        if unknown := sorted({*parts, *(likelihood or {})} - {*NAMES}):
            raise NpvfError(f"a detector has the findings {', '.join(NAMES)}, not {', '.join(unknown)}")
        if not parts.keys() & {*FORGERY}:
            raise NpvfError(
                "a detector needs mouth_motion or picture: sound and lips alone show no forgery. "
                "SpeechDetector compares sound and lips"
            )
        self.parts = {name: parts[name] for name in NAMES if name in parts}
        self.likelihood = {name: (likelihood or {}).get(name, LikelihoodRatio()) for name in self.parts}
        self.settings = settings or DetectorSettings()
        if SOUND_AND_LIPS in self.parts:
            segments = self.parts[SOUND_AND_LIPS].settings.segment_calibration
            self.settings = replace(self.settings, segment_calibration=segments)
        self.finds_pixels = PICTURE in self.parts
        self.conditions = self.settings.conditions

    @classmethod
    def from_pretrained(cls, folder: str | Path | None = None, device: str = "cpu", **overrides: Any) -> Detector:
        """Load a folder that `save_pretrained` wrote, shipped weights by their name, or a hub repository by its id.

        Without a folder, it is the default detector of npvf (docs/models.md).

        `overrides` are fields of `DetectorSettings`; `mouth_motion__threshold` is the setting `threshold` of a part,
        and `scoring__hop` one of `sound_and_lips`.

        Raises:
            NpvfError: there is no such folder or repository, or it contains something else.
        """
        path = folder_with(KEY, folder)
        content = read_config(path)[KEY]
        own, of_part = _routed(overrides, content["likelihood"])
        parts = {name: from_pretrained(path / name, device, **of_part[name]) for name in content["likelihood"]}
        _share_encoder(parts, path)
        likelihood = {name: LikelihoodRatio.from_json(said) for name, said in content["likelihood"].items()}
        return cls(parts, likelihood, DetectorSettings.from_json(content["settings"]).configured(**own))

    def save_pretrained(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write a complete folder: `config.json`, and a folder for each method. Return the folder."""
        for name, part in self.parts.items():
            part.save_pretrained(Path(folder) / name)
        return self.save_settings(folder, training)

    def save_settings(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write `config.json` and the model card, into a folder that has the methods; other records there are kept."""
        path = Path(folder) / CONFIG_FILE
        before = read_config(folder) if path.is_file() else {}
        likelihood = {name: ratio.to_json() for name, ratio in self.likelihood.items()}
        content = {KEY: {"likelihood": likelihood, "settings": self.settings.to_json()}}
        record = {**before.get("training", {}), **(training or {})}
        card = self._card(before.get("card", {}))
        write_json(path, {**before, **content, "card": card, "training": record, "npvf": __version__})
        return write_card(folder).parent

    def _card(self, card: dict[str, Any]) -> dict[str, Any]:
        """Return the records of the model card, with the genuine videos that chose the thresholds among the limits."""
        settings = self.settings
        fitted = {"fake": settings.false_alarms, "mismatch": settings.mismatch_alarms}
        limits = [limit for limit in card.get("limits", ()) if not limit.startswith("Threshold of ")]
        limits += [f"Threshold of {name}: {alarms}." for name, alarms in fitted.items()]
        return {**card, "limits": limits}

    @property
    def speech_inputs(self) -> InputSpec | None:  # type: ignore[override]
        """The inputs of the method that compares sound and lips."""
        return self.parts[SOUND_AND_LIPS].speech_inputs if SOUND_AND_LIPS in self.parts else None

    @property
    def speech_gate(self) -> Gate | None:  # type: ignore[override]
        """The gate of the method that compares sound and lips."""
        return self.parts[SOUND_AND_LIPS].speech_gate if SOUND_AND_LIPS in self.parts else None

    def reason_against(self, meta: ClipMeta) -> str:
        """Return "": every clip is judged, because every clip has frames."""
        return ""

    def score_clip(self, clip: Clip) -> ClipScore:
        """Return the score of the clip, with the score of each method that is asked."""
        conditions = measure(clip, self.settings.conditions)
        return _together(clip.meta, {name: self.score_by(name, clip, conditions) for name in self.parts}, conditions)

    def score_by(self, name: FindingName, clip: Clip, conditions: Conditions | None = None) -> ClipScore:
        """Return the score of a clip by one method, or the reason not to ask it; None: measure the conditions."""
        conditions = measure(clip, self.settings.conditions) if conditions is None else conditions
        reason = self._reason(name, clip.meta, conditions)
        if reason:
            return not_judged(clip.meta, reason)
        return self._checked(name, self.parts[name].score_clip(clip))

    def disagreement(self, scores: Sequence[ClipScore]) -> float | None:
        """Return the log odds that decide whether sound and lips of one video disagree; None: they were not compared.

        They are at most 0 where a clear peak, or speech that is too short to look for one, forbids this statement.
        """
        tracks = self._tracks(SOUND_AND_LIPS, scores) if SOUND_AND_LIPS in self.parts else {}
        found = self._finding(SOUND_AND_LIPS, tracks, scores, stated_from=0.0) if tracks else None
        if found is None or found.track is None:
            return None
        log_odds = tracks[found.track].log_odds or 0.0
        return log_odds if found.statement == "disagree" else min(log_odds, 0.0)

    def examine(self, clip: Clip, pictures: bool) -> ClipEvidence:
        """Return the evidence of all methods that are asked."""
        conditions = measure(clip, self.settings.conditions)
        items: dict[str, ClipEvidence] = {}
        for name, part in self.parts.items():
            reason = self._reason(name, clip.meta, conditions)
            skipped = ClipEvidence(not_judged(clip.meta, reason), clip.meta.span, clip.phones)
            items[name] = skipped if reason else part.examine(clip, pictures)
        scores: dict[str, ClipScore] = {name: self._checked(name, items[name].score) for name in self.parts}
        score = _together(clip.meta, scores, conditions)
        whole = ClipEvidence.of(clip, score, pictures=pictures)
        whole.conditions = conditions
        if SOUND_AND_LIPS in items:
            heard = items[SOUND_AND_LIPS]
            whole.scored, whole.sounds, whole.mouths = heard.scored, heard.sounds, heard.mouths
        if PICTURE in items:
            whole.picture, whole.mask = items[PICTURE].picture, items[PICTURE].mask
        return whole

    def segments(self, score: ClipScore) -> list[tuple[int, float]]:
        """Return the segments of the method that finds forgeries; the first one that judged the clip."""
        judged = (name for name in FORGERY if name in self.parts and score.parts[name].starts)
        return next((self.parts[name].segments(score.parts[name]) for name in judged), [])

    def aggregate(self, scores: Sequence[ClipScore]) -> VideoScore:
        """Return the findings on one video and the verdict that follows from them."""
        judged = {name: self._tracks(name, scores) for name in self.parts}
        tracks = {number: self._evidence(number, judged) for number in sorted({score.track for score in scores})}
        scored = {number: track.log_odds for number, track in tracks.items() if track.log_odds is not None}
        worst = max(scored, key=lambda number: scored[number]) if scored else None
        findings = tuple(self._finding(name, found, scores) for name, found in judged.items())
        evidence = None if worst is None else scored[worst]
        verdict, reason = verdict_of(evidence, float(logit(self.settings.threshold)), findings)
        shown = [score for score in scores if worst is None or score.track == worst]
        return VideoScore(
            tracks,
            worst,
            verdict,
            reason,
            self.settings.threshold,
            findings=findings,
            measurements=_of_longest(shown),
            warnings=tuple(dict.fromkeys(warning for score in scores for warning in score.warnings)),
        )

    def explain(self, score: VideoScore, clips: Sequence[ClipEvidence]) -> str:
        """Tell in words what was found."""
        return explain(score.verdict, score.findings)

    def _reason(self, name: FindingName, meta: ClipMeta, conditions: Conditions) -> str:
        """Return the reason not to ask a method about a clip."""
        against = {SOUND_AND_LIPS: conditions.against_sound, MOUTH_MOTION: conditions.against_motion}
        return self.parts[name].reason_against(meta) or against.get(name, "")

    def _measured(self, name: FindingName, scores: Sequence[ClipScore]) -> dict[str, float]:
        """Return the measurements of the longest clip, with those of a method of its own."""
        return {**_of_longest(scores), **_of_longest([score.parts[name] for score in scores])}

    def _checked(self, name: FindingName, score: ClipScore) -> ClipScore:
        """Return the score of a clip by one method, without logits if its sound comes too late or too early."""
        return without_late_sound(score, self.settings.conditions.clear_peak) if name == SOUND_AND_LIPS else score

    def _tracks(self, name: FindingName, scores: Sequence[ClipScore]) -> Mapping[int, TrackScore]:
        """Return the log likelihood ratio of each track by one method, without bounds."""
        found = self.parts[name].aggregate([score.parts[name] for score in scores]).tracks
        ratio = self.likelihood[name]
        return {
            number: track if track.log_odds is None else replace(track, log_odds=ratio.log_odds(track.log_odds))
            for number, track in found.items()
        }

    def _evidence(self, number: int, judged: Mapping[FindingName, Mapping[int, TrackScore]]) -> TrackScore:
        """Return the evidence for a forgery of one track; the reason without one is that of the first method."""
        tracks = {name: found[number] for name, found in judged.items()}
        known = {name: track.log_odds for name, track in tracks.items() if track.log_odds is not None}
        evidence = forgery_evidence(known)
        reasons = [tracks[name].reason for name in FORGERY if name in tracks]
        return TrackScore(evidence, "" if evidence is not None else reasons[0])

    def _finding(
        self,
        name: FindingName,
        tracks: Mapping[int, TrackScore],
        scores: Sequence[ClipScore],
        stated_from: float | None = None,
    ) -> Finding:
        """Return the finding of one method, which is that of its most suspicious track.

        `stated_from` are the log odds from which the first proposition is stated; None: those of the settings.
        """
        scored = {number: track.log_odds for number, track in tracks.items() if track.log_odds is not None}
        if not scored:
            ranked = sorted((track.reason for track in tracks.values()), key=lambda r: r.startswith("another_speaks"))
            return not_found(name, ranked[0], self._measured(name, scores))
        worst = max(scored, key=lambda number: scored[number])
        own = [score for score in scores if score.track == worst]
        from_p = self.settings.mismatch if name == SOUND_AND_LIPS else self.settings.threshold
        limit = float(logit(from_p)) if stated_from is None else stated_from
        found = finding(name, scored[worst], self.likelihood[name], limit, worst, self._measured(name, own))
        if name != SOUND_AND_LIPS:
            return found
        peaks = [score.parts[name].measurements for score in own]
        return with_peak(found, peaks, self.settings.conditions.clear_peak)


def _share_encoder(parts: Mapping[str, Any], folder: Path) -> None:
    """Give mouth motion the encoder of sound and lips if it names that one, so that a clip is encoded once."""
    speech, motion = parts.get(SOUND_AND_LIPS), parts.get(MOUTH_MOTION)
    if speech is None or motion is None or motion.settings.encoder is None:
        return
    if (folder / MOUTH_MOTION / motion.settings.encoder).resolve() == (folder / SOUND_AND_LIPS).resolve():
        motion.encoder = speech.encoder


def _together(meta: ClipMeta, parts: Mapping[str, ClipScore], conditions: Conditions) -> ClipScore:
    return ClipScore(
        meta.key,
        meta.video,
        meta.track,
        parts=parts,
        measurements=conditions.measurements,
        warnings=conditions.warnings,
    )


def _of_longest(scores: Sequence[ClipScore]) -> Mapping[str, float]:
    """Return the measurements of the longest of some clips."""
    return max((score.measurements for score in scores), key=lambda found: found.get("seconds", 0.0), default={})


def _routed(overrides: Mapping[str, Any], parts: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the settings of the detector, and those of each part."""
    own: dict[str, Any] = {}
    of_part: dict[str, dict[str, Any]] = {name: {} for name in parts}
    for key, value in overrides.items():
        outer, _, inner = key.partition("__")
        if outer in of_part and inner:
            of_part[outer][inner] = value
        elif outer == "scoring":
            of_part.get(SOUND_AND_LIPS, {})[key] = value
        else:
            own[key] = value
    return own, of_part
