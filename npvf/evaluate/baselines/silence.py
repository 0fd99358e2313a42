"""Baseline: the silence at the start of a video. In some corpora it is enough to separate fakes from reals."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log1p

from npvf.clip import SAMPLE_RATE, Clip
from npvf.detect.aggregate import ClipScore, DecisionSettings, VideoScore
from npvf.detect.predictor import Predictor
from npvf.speech.silence import quiet_start

SCALE_S = 0.1  # only makes a share of seconds: 0.07 s give 0.5


class SilencePredictor(Predictor):
    """The longer the silence at the start, the more a fake: 1 - exp(-seconds / 0.1). No calibrated probability.

    Of a video the first clip of a speaker decides, which starts where that face comes into view.
    """

    def __init__(self) -> None:
        self.settings = DecisionSettings(name="silence", undecided=0.0)

    def score_clip(self, clip: Clip) -> ClipScore:
        """The logit of 1 - exp(-seconds / 0.1)."""
        quiet = max(quiet_start(clip.audio_N), 1 / SAMPLE_RATE) / SCALE_S
        named = clip.meta.key, clip.meta.video, clip.meta.track
        return ClipScore(*named, logits=(quiet + log1p(-exp(-quiet)),), seconds=clip.seconds)

    def aggregate(self, scores: Sequence[ClipScore]) -> VideoScore:
        """The score of the first clip that was judged; clips come in order of their start."""
        return super().aggregate([score for score in scores if score.logits][:1] or scores)
