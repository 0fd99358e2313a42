"""Training data: selection of clips, tensors, augmentation, sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.data.augment import Augment, PictureAugment
    from npvf.data.datasets import (
        EvaluationClips,
        MemoryClips,
        TrainingClips,
        TrainingWindow,
        Windows,
        collate,
        collate_windows,
    )
    from npvf.data.face_augment import FaceAugment
    from npvf.data.face_sample import FaceSample
    from npvf.data.face_windows import FaceTransform, FaceWindows, collate_faces
    from npvf.data.geometry_augment import GeometryAugment
    from npvf.data.phone_augment import PhoneAugment
    from npvf.data.sampling import BalancedSampler, EpochSampler, EvaluationSampler
    from npvf.data.selection import Selection, read_selected
    from npvf.data.stored import StoredClips
    from npvf.data.transforms import ClipTransform, Sample

__all__ = [
    "Augment",
    "BalancedSampler",
    "ClipTransform",
    "EpochSampler",
    "EvaluationClips",
    "EvaluationSampler",
    "FaceAugment",
    "FaceSample",
    "FaceTransform",
    "FaceWindows",
    "GeometryAugment",
    "MemoryClips",
    "PhoneAugment",
    "PictureAugment",
    "Sample",
    "Selection",
    "StoredClips",
    "TrainingClips",
    "TrainingWindow",
    "Windows",
    "collate",
    "collate_faces",
    "collate_windows",
    "read_selected",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "augment": ["Augment", "PictureAugment"],
        "datasets": [
            "EvaluationClips",
            "MemoryClips",
            "TrainingClips",
            "TrainingWindow",
            "Windows",
            "collate",
            "collate_windows",
        ],
        "face_augment": ["FaceAugment"],
        "face_sample": ["FaceSample"],
        "face_windows": ["FaceTransform", "FaceWindows", "collate_faces"],
        "geometry_augment": ["GeometryAugment"],
        "phone_augment": ["PhoneAugment"],
        "sampling": ["BalancedSampler", "EpochSampler", "EvaluationSampler"],
        "selection": ["Selection", "read_selected"],
        "stored": ["StoredClips"],
        "transforms": ["ClipTransform", "Sample"],
    },
)
