from .alignment import align as align
from .flow import flow_motion as flow_motion
from .graph import LandmarkGraph as LandmarkGraph
from .landmarks import Face as Face, Landmarker as Landmarker
from .model_file import fetch_face_model as fetch_face_model, need_face_model as need_face_model
from .speaking import lip_aperture as lip_aperture, speaking_score as speaking_score
from .tracks import (
    CropCollector as CropCollector,
    StackedCrops as StackedCrops,
    TrackPiece as TrackPiece,
    face_tracks as face_tracks,
)
