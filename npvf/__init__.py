"""Audio-visual forensics of talking faces: pre-training on real videos, detection, and readable evidence."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from npvf.clip import FAKE, REAL, Clip, Finding, Phone, Phones, Verdict
from npvf.version import __version__

if TYPE_CHECKING:
    from npvf.detect.detector import Detector
    from npvf.detect.fused import FusedDetector
    from npvf.detect.localizer import Localizer
    from npvf.detect.predictor import Predictor
    from npvf.detect.pretrained import from_pretrained
    from npvf.detect.speech_detector import SpeechDetector
    from npvf.models.pretrained import create_model
    from npvf.models.registry import list_models

__all__ = [
    "FAKE",
    "REAL",
    "Clip",
    "Detector",
    "Finding",
    "FusedDetector",
    "Localizer",
    "Phone",
    "Phones",
    "Predictor",
    "SpeechDetector",
    "Verdict",
    "__version__",
    "create_model",
    "from_pretrained",
    "list_models",
]

# Loaded on first use: `import npvf` and `npvf --help` stay quick.
_LAZY = {
    "Detector": "npvf.detect.detector",
    "FusedDetector": "npvf.detect.fused",
    "Localizer": "npvf.detect.localizer",
    "Predictor": "npvf.detect.predictor",
    "SpeechDetector": "npvf.detect.speech_detector",
    "create_model": "npvf.models",
    "from_pretrained": "npvf.detect.pretrained",
    "list_models": "npvf.models",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'npvf' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
