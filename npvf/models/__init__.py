"""The networks: `create_model`, their inputs, and the parts they are made of."""

from npvf.models.batch import Batch, Features, InputSpec
from npvf.models.frame_classifier import FrameClassifier, FrameClassifierConfig
from npvf.models.motion.mouth_motion import MouthMotion, MouthMotionConfig
from npvf.models.npv.npv import NPV, NPVConfig
from npvf.models.pretrained import PretrainedModel, create_model
from npvf.models.registry import list_models
from npvf.models.stddl.anchor_mesh_motion import anchor_mesh_motion, normalise_motion
from npvf.models.stddl.face_batch import FaceBatch
from npvf.models.stddl.stddl import STDDL, STDDLConfig, STDDLOutput

# Importing them registers them.
from npvf.models.npv import sizes as npv_sizes  # isort: skip
from npvf.models.stddl import sizes as stddl_sizes  # isort: skip

__all__ = [
    "NPV",
    "STDDL",
    "Batch",
    "FaceBatch",
    "Features",
    "FrameClassifier",
    "FrameClassifierConfig",
    "InputSpec",
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
    "npv_sizes",
    "stddl_sizes",
]
