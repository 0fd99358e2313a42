"""A detector whose methods say what they are told, and clips of a drawn face that it does not refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from npvf.clip import SAMPLE_RATE, Clip, Phone, Phones
from npvf.detect.aggregate import ClipScore, DecisionSettings
from npvf.detect.calibration import Calibration
from npvf.detect.conditions import AROUND_LIPS, UPPER_FACE
from npvf.detect.detector import Detector, DetectorSettings
from npvf.detect.likelihood import LikelihoodRatio
from npvf.detect.predictor import Predictor
from npvf.faces.lips import INNER_LIPS, OUTER_LIPS
from npvf.io.files import write_json
from npvf.models.pretrained import CONFIG_FILE, WEIGHTS_FILE, read_config
from tests.helpers.tiny_corpus import blob_clip

SKIN, LIPS, CLOTH = (200, 160, 140), (170, 90, 95), (150, 190, 205)
MOUTH = np.array([112.0, 150.0])
TURN_N = np.linspace(0, 2 * np.pi, 20, endpoint=False)
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

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str = "cpu", **overrides: Any) -> Told:
        return cls(**read_config(folder)["told"])

    def save_pretrained(self, folder: str | Path, training: dict[str, Any] | None = None) -> Path:
        said = {"otherwise": self.otherwise, "every_face": self.every_face, **self.logits}
        Path(folder).mkdir(parents=True)
        write_json(Path(folder) / CONFIG_FILE, {"told": said})
        (Path(folder) / WEIGHTS_FILE).touch()
        return Path(folder)


def told(
    sound: float | None = None, motion: float | None = None, picture: float | None = None, **settings: Any
) -> Detector:
    """A detector with the methods that have a logit; they weigh the same, and support up to a ratio of 100."""
    said = {"sound_and_lips": sound, "mouth_motion": motion, "picture": picture}
    parts = {k: Told(v, every_face=k != "sound_and_lips") for k, v in said.items() if v is not None}
    return Detector(parts, dict.fromkeys(parts, SUPPORTED), DetectorSettings(**settings))


def moving_clip(
    video: str = "a",
    seed: int = 1,
    lips: tuple[int, ...] = LIPS,
    around: tuple[int, ...] = SKIN,
    opening: float = 8.0,
    **meta: Any,
) -> Clip:
    """Two seconds of a face in plain colours, 100 pixels high and more, that speaks: lips open, the pitch glides.

    Args:
        video, seed, meta: as of `blob_clip`.
        lips, around: colours of the lips, and of the face from the nose down.
        opening: how far the lips open, in pixels.
    """
    clip = blob_clip(video, seed)
    clip.meta = replace(clip.meta, **meta)
    sway_T = 3 * np.sin(np.arange(clip.frames) / 5 + seed)
    gap_T = 2 + opening * np.abs(np.sin(np.arange(clip.frames) / 3 + seed))
    clip.landmarks_TN2 = np.stack([_points(seed, *pair) for pair in zip(sway_T, gap_T, strict=True)])
    clip.source_landmarks_TN2 = clip.landmarks_TN2
    clip.face_THWC = np.stack([_face(lips, around, *pair) for pair in zip(sway_T, gap_T, strict=True)])
    time_N = np.arange(len(clip.audio_N)) / SAMPLE_RATE
    pitch_N = 200 + 90 * np.sin(2 * np.pi * 1.5 * time_N + seed)
    clip.audio_N = (0.3 * np.sin(2 * np.pi * np.cumsum(pitch_N) / SAMPLE_RATE)).astype(np.float32)
    step = clip.seconds / 20
    clip.phones = Phones(tuple(Phone("aa", k * step, (k + 1) * step, 0.95) for k in range(20)), "recogniser")
    return clip


def _points(seed: int, sway: float, gap: float) -> np.ndarray:
    """(478, 2): a face whose mouth sways and opens against the rest."""
    points_N2 = np.random.default_rng(seed).uniform(30, 190, (478, 2))
    points_N2[:, 1] += 0.2 * gap * (points_N2[:, 1] > 130)
    circle_N2 = np.stack([-np.cos(TURN_N), np.sin(TURN_N)], -1)
    points_N2[OUTER_LIPS] = MOUTH + (sway, 0) + circle_N2 * (30, 12 + gap)
    points_N2[INNER_LIPS] = MOUTH + (sway, 0) + circle_N2 * (24, gap / 2)
    points_N2[AROUND_LIPS] = np.stack([np.linspace(60, 160, len(AROUND_LIPS)), np.full(len(AROUND_LIPS), 200)], -1)
    points_N2[UPPER_FACE] = np.stack([np.linspace(40, 180, len(UPPER_FACE)), np.full(len(UPPER_FACE), 90)], -1)
    return points_N2.astype(np.float32)


def _face(lips: tuple[int, ...], around: tuple[int, ...], sway: float, gap: float) -> np.ndarray:
    """(224, 224, 3): skin, and below the nose the mouth with what is around it."""
    face_HWC = np.full((224, 224, 3), SKIN, np.uint8)
    face_HWC[120:] = around
    rows, columns = np.mgrid[:224, :224]
    face_HWC[((columns - MOUTH[0] - sway) / 34) ** 2 + ((rows - MOUTH[1]) / (14 + gap)) ** 2 < 1] = lips
    return face_HWC
