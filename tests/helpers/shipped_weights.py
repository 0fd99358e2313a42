"""Tiny networks as weights of the package."""

from __future__ import annotations

from pathlib import Path

import torch

from npvf.detect.detector import Detector, DetectorSettings
from npvf.detect.localizer import Localizer
from npvf.detect.speech_detector import SpeechDetector
from npvf.models import NPV
from npvf.weights import DEFAULT
from tests.helpers.red_localizer import tiny_stddl

TINY_LIPS = {"dim": 8, "common_dim": 8, "viseme__temporal_layers": 1, "audio__temporal_layers": 1}
TINY_LIPS |= {"awareness_hidden": 4}


def tiny_lips(seed: int = 0) -> NPV:
    torch.manual_seed(seed)
    return NPV.create("npv_lips", **TINY_LIPS)


def write_weights(folder: Path) -> Path:
    """A default detector of two parts, and an encoder of another seed, both `npv_lips`."""
    parts = {"sound_and_lips": SpeechDetector(tiny_lips()), "picture": Localizer(tiny_stddl())}
    Detector(parts, settings=DetectorSettings(threshold=0.625)).save_pretrained(folder / DEFAULT)
    tiny_lips(seed=1).save_pretrained(folder / "lips")
    return folder
