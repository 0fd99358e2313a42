"""The networks: `create_model`, their inputs, and the parts they are made of."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from npvf.models.batch import Batch, Features, InputSpec
from npvf.models.motion.mouth_motion import MouthMotion, MouthMotionConfig
from npvf.models.npv.npv import NPV, NPVConfig
from npvf.models.pretrained import PretrainedModel, create_model
from npvf.models.registry import list_models

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
]

# Imported on first use: they need timm, which takes seconds, and a verdict of the detector in the package does not.
_LAZY = {
    "FrameClassifier": "npvf.models.frame_classifier",
    "FrameClassifierConfig": "npvf.models.frame_classifier",
    "anchor_mesh_motion": "npvf.models.stddl.anchor_mesh_motion",
    "normalise_motion": "npvf.models.stddl.anchor_mesh_motion",
    "FaceBatch": "npvf.models.stddl.face_batch",
    "STDDL": "npvf.models.stddl.stddl",
    "STDDLConfig": "npvf.models.stddl.stddl",
    "STDDLOutput": "npvf.models.stddl.stddl",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'npvf.models' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
