"""`SpeechDetector`: NPV and its settings. Do lips and audio evolve together?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from npvf.clip import FPS, Clip
from npvf.detect.aggregate import ClipScore, DecisionSettings, VideoScore
from npvf.detect.card import write_card
from npvf.detect.evidence import ClipEvidence
from npvf.detect.loading import folder_with
from npvf.detect.predictor import Predictor, not_judged
from npvf.detect.scoring import ClipEncoder, ScoredClip, ScoringSettings, score_features
from npvf.detect.sync_peak import sync_measurements
from npvf.detect.verdict import words_of_speech
from npvf.models.batch import InputSpec
from npvf.models.npv.npv import NPV
from npvf.models.pretrained import read_config
from npvf.speech.gate import Gate, gate
from npvf.version import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechSettings(DecisionSettings):
    """The settings of a detector beside its weights.

    Attributes:
        scoring: the cutting of clips into segments, and the correction of the audio offset.
    """

    name: str = "npv"
    min_speech: float = 0.5
    scoring: ScoringSettings = field(default_factory=ScoringSettings)


class SpeechDetector(Predictor):
    """Compares the lips of the face that speaks with the audio.

    Args:
        model: is put into evaluation mode.
        settings: from clips to a verdict, with the calibration.
    """

    settings: SpeechSettings

    def __init__(self, model: NPV, settings: SpeechSettings | None = None) -> None:
        self.model = model
        self.encoder = ClipEncoder(model)
        self.settings = settings or SpeechSettings()

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu", **overrides: Any) -> SpeechDetector:
        """Load a detector folder, or a hub repository's id; `overrides` are fields of `SpeechSettings`.

        Raises:
            NpvfError: there is no such folder or repository, or it contains only an encoder, which cannot judge videos.
        """
        folder = folder_with("detector", folder)
        settings = SpeechSettings.from_json(read_config(folder)["detector"]).configured(**overrides)
        return cls(NPV.from_pretrained(folder).to(device), settings)

    def save_pretrained(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        """Write the detector folder: `config.json` with the calibration, `model.safetensors`, and the model card."""
        extra = {"detector": self.settings.to_json(), "training": training or {}, "npvf": __version__}
        return write_card(self.model.save_pretrained(folder, extra)).parent

    @property
    def speech_inputs(self) -> InputSpec:  # type: ignore[override]
        """The inputs of the model."""
        return self.model.config.inputs

    @property
    def speech_gate(self) -> Gate:  # type: ignore[override]
        """The gate of the model, or "none" if every frame is scored."""
        return "none" if self.settings.scoring.every_frame else self.speech_inputs.gate

    def score_clip(self, clip: Clip) -> ClipScore:
        """Return a logit for each segment with enough speech."""
        return speech_score(clip, self._scored(clip))

    def examine(self, clip: Clip, pictures: bool) -> ClipEvidence:
        """Return the evidence of a clip: its score, and the agreement of each phone with the lips."""
        if reason := self.reason_against(clip.meta):
            return ClipEvidence.of(clip, not_judged(clip.meta, reason), pictures=pictures)
        scored = self._scored(clip)
        critical = frozenset(self.model.config.inputs.critical)
        return ClipEvidence.of(clip, speech_score(clip, scored), scored, critical, pictures)

    def _scored(self, clip: Clip) -> ScoredClip:
        return score_features(self.model, self.encoder(clip), self.settings.scoring)

    def explain(self, score: VideoScore, clips: Sequence[ClipEvidence]) -> str:
        """Tell in words whether lips and audio evolve together."""
        fake = score.verdict == "fake"
        return words_of_speech(fake) + (" as they do in real speech" if fake else "")


def speech_score(clip: Clip, scored: ScoredClip) -> ClipScore:
    """Return the score of a clip in which lips and audio were compared: a logit for each segment."""
    return ClipScore(
        clip.meta.key,
        clip.meta.video,
        clip.meta.track,
        logits=tuple(scored.logits_K.tolist()),
        starts=tuple(scored.starts_K.tolist()),
        speech=float(min(scored.gate_T.sum(), gate(clip.phones, clip.frames, "all").sum())) / FPS,
        measurements=sync_measurements(scored),
    )
