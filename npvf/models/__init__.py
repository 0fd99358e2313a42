"""The networks: `create_model`, their inputs, and the parts they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names
from npvf.models.batch import Batch, Features, InputSpec
from npvf.models.config import ModelConfig
from npvf.models.motion.mouth_motion import MouthMotion, MouthMotionConfig
from npvf.models.npv.npv import NPV, NPVConfig
from npvf.models.pretrained import PretrainedModel, create_model
from npvf.models.registry import list_models, register_model

if TYPE_CHECKING:
    from npvf.models.frame_classifier import FrameClassifier, FrameClassifierConfig
    from npvf.models.stddl.anchor_mesh_motion import anchor_mesh_motion, normalise_motion
    from npvf.models.stddl.face_batch import FaceBatch
    from npvf.models.stddl.stddl import STDDL, STDDLConfig, STDDLOutput

__all__ = [
    "NPV",
    "STDDL",
    "Batch",
    "FaceBatch",
    "Features",
    "FrameClassifier",
    "FrameClassifierConfig",
    "InputSpec",
    "ModelConfig",
    "MouthMotion",
    "MouthMotionConfig",
    "NPVConfig",
    "PretrainedModel",
    "STDDLConfig",
    "STDDLOutput",
    "anchor_mesh_motion",
    "create_model",
    "list_models",
    "normalise_motion",
    "register_model",
]

# Imported on first use: they need timm, which takes seconds, and a verdict of the detector in the package does not.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "frame_classifier": ["FrameClassifier", "FrameClassifierConfig"],
        "stddl.anchor_mesh_motion": ["anchor_mesh_motion", "normalise_motion"],
        "stddl.face_batch": ["FaceBatch"],
        "stddl.stddl": ["STDDL", "STDDLConfig", "STDDLOutput"],
    },
)
