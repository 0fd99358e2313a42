"""Losses, one a file, and the objectives that put them together."""

from npvf.losses.balanced_bce import BalancedBCE
from npvf.losses.correlation import CorrelationAlignmentLoss
from npvf.losses.evolution import EvolutionConsistencyLoss
from npvf.losses.face_audio import FaceAudioLoss
from npvf.losses.feature_fakes import FeatureFakes
from npvf.losses.objective import DetectionObjective, NPVObjective
from npvf.losses.segmentation import LocalizationObjective
from npvf.losses.tversky import TverskyLoss

__all__ = [
    "BalancedBCE",
    "CorrelationAlignmentLoss",
    "DetectionObjective",
    "EvolutionConsistencyLoss",
    "FaceAudioLoss",
    "FeatureFakes",
    "LocalizationObjective",
    "NPVObjective",
    "TverskyLoss",
]
