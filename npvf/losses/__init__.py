"""Losses, one a file, and the objectives that put them together."""

from npvf.losses.balanced_bce import BalancedBCE
from npvf.losses.correlation import CorrelationAlignmentLoss
from npvf.losses.evolution import EvolutionConsistencyLoss
from npvf.losses.face_audio import FaceAudioLoss
from npvf.losses.feature_fakes import FeatureFakes
from npvf.losses.objective import DetectionLosses, DetectionObjective, NPVLosses, NPVObjective
from npvf.losses.segmentation import LocalizationLosses, LocalizationObjective
from npvf.losses.tversky import TverskyLoss

__all__ = [
    "BalancedBCE",
    "CorrelationAlignmentLoss",
    "DetectionLosses",
    "DetectionObjective",
    "EvolutionConsistencyLoss",
    "FaceAudioLoss",
    "FeatureFakes",
    "LocalizationLosses",
    "LocalizationObjective",
    "NPVLosses",
    "NPVObjective",
    "TverskyLoss",
]
