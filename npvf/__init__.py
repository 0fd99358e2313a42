"""Audio-visual forensics of talking faces: pre-training on real videos, detection, and readable evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.clip import FAKE, REAL, Clip, Finding, Phone, Phones, Verdict
from npvf.lazy import lazy_names
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

# Imported on first use: `import npvf` and `npvf --help` stay quick.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "detect.detector": ["Detector"],
        "detect.fused": ["FusedDetector"],
        "detect.localizer": ["Localizer"],
        "detect.predictor": ["Predictor"],
        "detect.pretrained": ["from_pretrained"],
        "detect.speech_detector": ["SpeechDetector"],
        "models.pretrained": ["create_model"],
        "models.registry": ["list_models"],
    },
)
