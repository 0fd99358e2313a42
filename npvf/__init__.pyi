from .clip import (
    FAKE as FAKE,
    REAL as REAL,
    Clip as Clip,
    Finding as Finding,
    Phone as Phone,
    Phones as Phones,
    Verdict as Verdict,
)
from .detect.detector import Detector as Detector
from .detect.fused import FusedDetector as FusedDetector
from .detect.localizer import Localizer as Localizer
from .detect.predictor import Predictor as Predictor
from .detect.pretrained import from_pretrained as from_pretrained
from .detect.speech_detector import SpeechDetector as SpeechDetector
from .models.pretrained import create_model as create_model
from .models.registry import list_models as list_models
from .version import __version__ as __version__
