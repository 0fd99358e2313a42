from .aggregate import ClipScore as ClipScore, DecisionSettings as DecisionSettings, VideoScore as VideoScore
from .agreement import AgreementPredictor as AgreementPredictor
from .calibration import Calibration as Calibration
from .card import ModelCard as ModelCard, read_card as read_card, write_card as write_card
from .conditions import Conditions as Conditions, ConditionSettings as ConditionSettings
from .detector import Detector as Detector, DetectorSettings as DetectorSettings
from .evidence import ClipEvidence as ClipEvidence
from .false_alarms import FalseAlarms as FalseAlarms
from .fused import FusedDetector as FusedDetector, save_fused as save_fused
from .fusion import Fusion as Fusion
from .known_person import KnownPerson as KnownPerson
from .likelihood import LikelihoodRatio as LikelihoodRatio
from .localizer import Localizer as Localizer, LocalizerSettings as LocalizerSettings
from .mouth_motion import MouthMotionDetector as MouthMotionDetector, MouthMotionSettings as MouthMotionSettings
from .predictor import Predictor as Predictor
from .pretrained import from_pretrained as from_pretrained
from .scoring import ScoringSettings as ScoringSettings
from .speech_detector import SpeechDetector as SpeechDetector, SpeechSettings as SpeechSettings
from .verdict import Judgement as Judgement
