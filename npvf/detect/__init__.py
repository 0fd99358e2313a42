"""Detectors, localizers and fused detectors: score, calibration, evidence, verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.detect.aggregate import ClipScore, DecisionSettings, VideoScore
    from npvf.detect.agreement import AgreementPredictor
    from npvf.detect.calibration import Calibration
    from npvf.detect.card import ModelCard, read_card, write_card
    from npvf.detect.conditions import Conditions, ConditionSettings
    from npvf.detect.detector import Detector, DetectorSettings
    from npvf.detect.evidence import ClipEvidence
    from npvf.detect.false_alarms import FalseAlarms
    from npvf.detect.fused import FusedDetector, save_fused
    from npvf.detect.fusion import Fusion
    from npvf.detect.known_person import KnownPerson
    from npvf.detect.likelihood import LikelihoodRatio
    from npvf.detect.localizer import Localizer, LocalizerSettings
    from npvf.detect.mouth_motion import MouthMotionDetector, MouthMotionSettings
    from npvf.detect.predictor import Predictor
    from npvf.detect.pretrained import from_pretrained
    from npvf.detect.scoring import ScoringSettings
    from npvf.detect.speech_detector import SpeechDetector, SpeechSettings
    from npvf.detect.verdict import Judgement

__all__ = [
    "AgreementPredictor",
    "Calibration",
    "ClipEvidence",
    "ClipScore",
    "ConditionSettings",
    "Conditions",
    "DecisionSettings",
    "Detector",
    "DetectorSettings",
    "FalseAlarms",
    "FusedDetector",
    "Fusion",
    "Judgement",
    "KnownPerson",
    "LikelihoodRatio",
    "Localizer",
    "LocalizerSettings",
    "ModelCard",
    "MouthMotionDetector",
    "MouthMotionSettings",
    "Predictor",
    "ScoringSettings",
    "SpeechDetector",
    "SpeechSettings",
    "VideoScore",
    "from_pretrained",
    "read_card",
    "save_fused",
    "write_card",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "aggregate": ["ClipScore", "DecisionSettings", "VideoScore"],
        "agreement": ["AgreementPredictor"],
        "calibration": ["Calibration"],
        "card": ["ModelCard", "read_card", "write_card"],
        "conditions": ["ConditionSettings", "Conditions"],
        "detector": ["Detector", "DetectorSettings"],
        "evidence": ["ClipEvidence"],
        "false_alarms": ["FalseAlarms"],
        "fused": ["FusedDetector", "save_fused"],
        "fusion": ["Fusion"],
        "known_person": ["KnownPerson"],
        "likelihood": ["LikelihoodRatio"],
        "localizer": ["Localizer", "LocalizerSettings"],
        "mouth_motion": ["MouthMotionDetector", "MouthMotionSettings"],
        "predictor": ["Predictor"],
        "pretrained": ["from_pretrained"],
        "scoring": ["ScoringSettings"],
        "speech_detector": ["SpeechDetector", "SpeechSettings"],
        "verdict": ["Judgement"],
    },
)
