"""`FusedDetector`: NPV and ST-DDL together give a video one verdict and a mask."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from npvf.clip import Clip, ClipMeta
from npvf.detect.aggregate import ClipScore, DecisionSettings, TrackScore, VideoScore, decide, score_tracks
from npvf.detect.card import write_card
from npvf.detect.evidence import ClipEvidence
from npvf.detect.fusion import Fusion, Opinion
from npvf.detect.loading import folder_with
from npvf.detect.localizer import Localizer, picture_score
from npvf.detect.predictor import Predictor, not_judged
from npvf.detect.scoring import score_clip
from npvf.detect.speech_detector import SpeechDetector, speech_score
from npvf.detect.verdict import words_of_speech
from npvf.errors import NpvfError
from npvf.io.files import write_json
from npvf.models.batch import InputSpec
from npvf.models.pretrained import CONFIG_FILE, read_config, resolve_folder
from npvf.speech.gate import Gate
from npvf.version import __version__

SPEECH, PICTURE = "speech", "picture"  # the names of the two parts, of their folders and of their scores


class FusedDetector(Predictor):
    """Looks for forged pixels in every face, and compares the lips of the face that speaks with the audio.

    Args:
        speech: NPV.
        localizer: ST-DDL.
        fusion: from the log-odds of both to those of the fused detector; None: the default weights.
    """

    needs_sound = False
    finds_pixels = True

    def __init__(self, speech: SpeechDetector, localizer: Localizer, fusion: Fusion | None = None) -> None:
        self.speech, self.localizer, self.fusion = speech, localizer, fusion or Fusion()
        self.settings = DecisionSettings(
            name=f"{speech.settings.name} + {localizer.settings.name}",
            threshold=self.fusion.threshold,
            undecided=self.fusion.undecided,
            segment_calibration=speech.settings.segment_calibration,
            people=self.fusion.people,
        )

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu", **overrides: Any) -> FusedDetector:
        """Load a folder that `save_pretrained` or `npvf fuse` wrote, or a repository of the hub by its id.

        `overrides` are fields of `Fusion` (threshold, undecided) or settings of one of the parts.

        Raises:
            NpvfError: there is no such folder or repository, or it contains something else.
        """
        path = folder_with("fusion", folder)
        fusion = Fusion.from_json(read_config(path)["fusion"])
        own = {k: v for k, v in overrides.items() if k in Fusion.__slots__ and v is not None}
        rest = {k: v for k, v in overrides.items() if k not in Fusion.__slots__}
        of_speech = {k: v for k, v in rest.items() if k.partition("__")[0] in ("scoring", "min_speech")}
        of_picture = {k: v for k, v in rest.items() if k not in of_speech}
        speech = SpeechDetector.from_pretrained(path / SPEECH, device, **of_speech)
        localizer = Localizer.from_pretrained(path / PICTURE, device, **of_picture)
        return cls(speech, localizer, replace(fusion, **own))

    def save_pretrained(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write a complete folder: both parts and the fusion."""
        self.speech.save_pretrained(Path(folder) / SPEECH)
        self.localizer.save_pretrained(Path(folder) / PICTURE)
        return _write_fusion(Path(folder), self.fusion, training or {})

    @property
    def speech_inputs(self) -> InputSpec:  # type: ignore[override]
        """The inputs of the part that compares lips with audio."""
        return self.speech.speech_inputs

    @property
    def speech_gate(self) -> Gate:  # type: ignore[override]
        """The gate of the part that compares lips with audio."""
        return self.speech.speech_gate

    def reason_against(self, meta: ClipMeta) -> str:
        """Return "": every clip is judged, because every clip has frames."""
        return ""

    def score_clip(self, clip: Clip) -> ClipScore:
        """Return the score of the clip, with the score of each part."""
        ((heard,), (seen,)) = self.speech.score_clips([clip]), self.localizer.score_clips([clip])
        return _both(heard, seen)

    def segments(self, score: ClipScore) -> list[tuple[int, float]]:
        """Return the segments of the speech part; those of the localizer if lips and audio were not compared."""
        return self.speech.segments(score.parts[SPEECH]) or self.localizer.segments(score.parts[PICTURE])

    def aggregate(self, scores: Sequence[ClipScore]) -> VideoScore:
        """Aggregate each part by its own settings, then fuse both for each track; the most suspicious track decides."""
        opinions = self.opinions(scores)
        tracks = {number: TrackScore(self.fusion.fused(opinion)) for number, opinion in opinions.items()}
        found = decide(tracks, self.settings.threshold, self.settings.undecided)
        return found if found.worst is None else replace(found, parts=tuple(self.fusion.parts(opinions[found.worst])))

    def opinions(self, scores: Sequence[ClipScore]) -> dict[int, Opinion]:
        """Return the log-odds of both parts for each track of one video."""
        heard = score_tracks([score.parts[SPEECH] for score in scores], self.speech.settings)
        seen = score_tracks([score.parts[PICTURE] for score in scores], self.localizer.settings)
        return {n: Opinion(heard[n].log_odds, seen[n].log_odds, heard[n].reason, seen[n].reason) for n in seen}

    def examine(self, clip: Clip, pictures: bool) -> ClipEvidence:
        """Return the evidence of both parts."""
        reason = self.speech.reason_against(clip.meta)
        scored = None if reason else score_clip(self.speech.model, clip, self.speech.settings.scoring)
        heard = not_judged(clip.meta, reason) if scored is None else speech_score(clip, scored)
        located = self.localizer.localize(clip)
        score = _both(heard, picture_score(clip.meta, located.logit_T))
        item = ClipEvidence.of(clip, score, scored, frozenset(self.speech_inputs.critical), pictures)
        self.localizer.show(item, clip, located)
        return item

    def explain(self, score: VideoScore, clips: Sequence[ClipEvidence]) -> str:
        """Describe the result of each part for the most suspicious face, and tell if they agree."""
        seen, seen_fake = self.localizer.words(score.worst, clips)
        heard = next(part for part in score.parts if part.part == SPEECH)
        if heard.logit is None:
            return f"judged by the frames alone ({heard.reason}): {seen}"
        heard_fake = heard.logit > 0
        return f"{words_of_speech(heard_fake)}, {'and' if heard_fake == seen_fake else 'but'} {seen}"


def save_fused(
    fusion: Fusion, detector: str | Path, localizer: str | Path, folder: Path, fitted_on: dict[str, Any]
) -> Path:
    """Write a complete folder: copies of the folders of both parts, and the fusion.

    Args:
        fusion: the fitted fusion.
        detector, localizer: the folders of the parts, or the ids of repositories of the hub.
        folder: the new folder.
        fitted_on: a description of the videos, for people; npvf does not read it.

    Raises:
        NpvfError: `folder` is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise NpvfError(f"{folder} is not empty: remove it, or choose another folder with --out")
    for name, part in ((SPEECH, detector), (PICTURE, localizer)):
        shutil.copytree(resolve_folder(part), folder / name)
    return _write_fusion(folder, fusion, fitted_on)


def _write_fusion(folder: Path, fusion: Fusion, fitted_on: dict[str, Any]) -> Path:
    write_json(folder / CONFIG_FILE, {"fusion": fusion.to_json(), "fitted_on": fitted_on, "npvf": __version__})
    return write_card(folder).parent


def _both(heard: ClipScore, seen: ClipScore) -> ClipScore:
    return ClipScore(seen.key, seen.video, seen.track, parts={SPEECH: heard, PICTURE: seen})
