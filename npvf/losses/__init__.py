"""Losses, one a file, and the two objectives that put them together."""

from npvf.losses.correlation import CorrelationAlignmentLoss
from npvf.losses.evolution import EvolutionConsistencyLoss
from npvf.losses.face_audio import FaceAudioLoss
from npvf.losses.objective import DetectionObjective, NPVObjective

__all__ = [
    "CorrelationAlignmentLoss",
    "DetectionObjective",
    "EvolutionConsistencyLoss",
    "FaceAudioLoss",
    "NPVObjective",
]
