"""A detector whose methods say what they are told, on clips whose face moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from npvf.clip import Clip
from npvf.detect.aggregate import ClipScore, DecisionSettings
from npvf.detect.calibration import Calibration
from npvf.detect.detector import Detector, DetectorSettings
from npvf.detect.likelihood import LikelihoodRatio
from npvf.detect.predictor import Predictor
from npvf.models.pretrained import CONFIG_FILE
from tests.helpers.tiny_corpus import blob_clip

SUPPORTED = LikelihoodRatio(Calibration(1.0, 0.0), lower=-2.0, upper=2.0, videos=(100, 100), people=(100, 100))


class Told(Predictor):
    """Gives each clip the logit that `logits` has for its video, else `otherwise`."""

    needs_sound = False

    def __init__(self, otherwise: float = 0.0, every_face: bool = True, **logits: float) -> None:
        self.otherwise, self.every_face, self.logits = otherwise, every_face, logits
        self.settings = DecisionSettings(name="told")
        self.asked: list[str] = []

    def reason_against(self, meta: Any) -> str:
        return "" if self.every_face else super().reason_against(meta)

    def score_clip(self, clip: Clip) -> ClipScore:
        self.asked.append(clip.meta.key)
        logit = self.logits.get(clip.meta.video, self.otherwise)
        return ClipScore(clip.meta.key, clip.meta.video, clip.meta.track, (logit,), (0,), speech=clip.seconds)

    def save_pretrained(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        Path(folder).mkdir(parents=True)
        return Path(folder, CONFIG_FILE)


def told(
    sound: float | None = None, motion: float | None = None, picture: float | None = None, **settings: Any
) -> Detector:
    """A detector with the methods that have a logit; they weigh the same, and support up to a ratio of 100."""
    said = {"sound_and_lips": sound, "mouth_motion": motion, "picture": picture}
    parts = {k: Told(v, every_face=k != "sound_and_lips") for k, v in said.items() if v is not None}
    return Detector(parts, dict.fromkeys(parts, SUPPORTED), DetectorSettings(**settings))


def moving_clip(video: str = "a", seed: int = 1, **meta: Any) -> Clip:
    """A blob clip of two seconds whose landmarks move, the mouth against the nose, in a face of 100 pixels."""
    clip = blob_clip(video, seed)
    rng = np.random.default_rng(seed)
    shape_N2 = rng.uniform(60, 160, (478, 2))
    opening_T = np.abs(np.sin(np.arange(clip.frames) / 3))
    points_TN2 = np.repeat(shape_N2[None], clip.frames, 0)
    points_TN2[:, np.r_[0:478]] += (opening_T[:, None] * rng.normal(0, 4, 478))[..., None]
    clip.landmarks_TN2 = clip.source_landmarks_TN2 = points_TN2.astype(np.float32)
    clip.meta = replace(clip.meta, **meta)
    return clip
