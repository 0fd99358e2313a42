"""A predictor that says of each clip what it is told."""

from __future__ import annotations

from math import log

from npvf.clip import Clip
from npvf.detect.aggregate import ClipScore, DecisionSettings
from npvf.detect.predictor import Predictor


class Oracle(Predictor):
    """Clips that it is told None of are too little speech to judge. Clips weigh by their length."""

    def __init__(self, probabilities: dict[str, float | None]) -> None:
        self.probabilities = probabilities
        self.settings = DecisionSettings(name="oracle", sharpness=0.0, undecided=0.0)

    def score_clip(self, clip: Clip) -> ClipScore:
        p = self.probabilities[clip.meta.key]
        logits = () if p is None else (log(p / (1 - p)),)
        return ClipScore(clip.meta.key, clip.meta.video, clip.meta.track, logits, seconds=clip.seconds)
