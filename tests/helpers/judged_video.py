"""A video file that a tiny detector has judged, with phones, two methods and images for a report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from npvf.clip import Clip, Phone, Phones
from npvf.detect.conditions import ConditionSettings
from npvf.detect.detector import Detector, DetectorSettings
from npvf.detect.findings import MOUTH_MOTION, SOUND_AND_LIPS
from npvf.detect.speech_detector import SpeechDetector, SpeechSettings
from npvf.detect.verdict import Judgement
from npvf.io.files import sha256
from npvf.media.encode import write_video
from npvf.models import create_model
from tests.helpers.findings import SUPPORTED, Told, moving_clip
from tests.helpers.tiny_model import TINY_MODEL

SPOKEN = (("sil", 0.0, 0.1), ("aa", 0.1, 0.5), ("m", 0.5, 0.66), ("iy", 0.66, 1.2), ("aa", 1.2, 1.7), ("b", 1.7, 2.0))


def tiny_detector(motion: float = 3.0) -> Detector:
    """Sound and lips by a network with random weights, and mouth motion that has this log-odds."""
    torch.manual_seed(0)
    speech = SpeechDetector(create_model("npv_nano", **TINY_MODEL), SpeechSettings(name="speech"))
    settings = DetectorSettings(
        name="tiny", conditions=ConditionSettings(clear_peak=99.0)
    )  # random weights have no peak
    parts = {SOUND_AND_LIPS: speech, MOUTH_MOTION: Told(motion)}
    return Detector(parts, dict.fromkeys(parts, SUPPORTED), settings)


def speaking_clip(**meta: object) -> Clip:
    """Two seconds of a drawn face with phones of known times, which drifts to the right through the source video."""
    clip = moving_clip(source_size=(224, 224), **meta)
    drift_T12 = np.linspace(0, 20, clip.frames)[:, None, None] * (1.0, 0.0)
    source_TN2 = (clip.source_landmarks_TN2 + drift_T12).astype(np.float32)
    phones = Phones(tuple(Phone(*one) for one in SPOKEN), "times")
    return replace(clip, source_landmarks_TN2=source_TN2, phones=phones)


def judged_video(path: Path, detector: Detector, *others: Clip) -> Judgement:
    """Write a clip to a file, and judge it together with `others`, which are not in the file."""
    clip = speaking_clip()
    write_video(path, clip.face_THWC, audio=clip.audio_N)
    clip.meta = replace(clip.meta, source_sha256=sha256(path))
    judgement = detector.judge_clips([*others, clip], str(path), clip.seconds)
    judgement.file = path
    return judgement
