from .batch import Batch as Batch, Features as Features, InputSpec as InputSpec
from .config import ModelConfig as ModelConfig
from .frame_classifier import FrameClassifier as FrameClassifier, FrameClassifierConfig as FrameClassifierConfig
from .motion.mouth_motion import MouthMotion as MouthMotion, MouthMotionConfig as MouthMotionConfig
from .npv.npv import NPV as NPV, NPVConfig as NPVConfig
from .pretrained import PretrainedModel as PretrainedModel, create_model as create_model
from .registry import list_models as list_models, register_model as register_model
from .stddl.anchor_mesh_motion import (
    anchor_mesh_motion as anchor_mesh_motion,
    normalise_motion as normalise_motion,
    refined_mesh_motion as refined_mesh_motion,
)
from .stddl.face_batch import FaceBatch as FaceBatch
from .stddl.stddl import STDDL as STDDL, STDDLConfig as STDDLConfig, STDDLOutput as STDDLOutput
