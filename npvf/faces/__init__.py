"""Landmarks, face tracks, alignment, the speaker, and optical flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.faces.alignment import align
    from npvf.faces.flow import flow_motion
    from npvf.faces.graph import LandmarkGraph
    from npvf.faces.landmarks import Face, Landmarker
    from npvf.faces.model_file import fetch_face_model, need_face_model
    from npvf.faces.speaking import lip_aperture, speaking_score
    from npvf.faces.tracks import CropCollector, StackedCrops, TrackPiece, face_tracks

__all__ = [
    "CropCollector",
    "Face",
    "LandmarkGraph",
    "Landmarker",
    "StackedCrops",
    "TrackPiece",
    "align",
    "face_tracks",
    "fetch_face_model",
    "flow_motion",
    "lip_aperture",
    "need_face_model",
    "speaking_score",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignment": ["align"],
        "flow": ["flow_motion"],
        "graph": ["LandmarkGraph"],
        "landmarks": ["Face", "Landmarker"],
        "model_file": ["fetch_face_model", "need_face_model"],
        "speaking": ["lip_aperture", "speaking_score"],
        "tracks": ["CropCollector", "StackedCrops", "TrackPiece", "face_tracks"],
    },
)
