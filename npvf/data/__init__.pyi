from .augment import Augment as Augment, PictureAugment as PictureAugment
from .datasets import (
    EvaluationClips as EvaluationClips,
    MemoryClips as MemoryClips,
    TrainingClips as TrainingClips,
    TrainingWindow as TrainingWindow,
    Windows as Windows,
    collate as collate,
    collate_windows as collate_windows,
)
from .face_augment import FaceAugment as FaceAugment
from .face_sample import FaceSample as FaceSample
from .face_windows import FaceTransform as FaceTransform, FaceWindows as FaceWindows, collate_faces as collate_faces
from .geometry_augment import GeometryAugment as GeometryAugment
from .phone_augment import PhoneAugment as PhoneAugment
from .sampling import (
    BalancedSampler as BalancedSampler,
    EpochSampler as EpochSampler,
    EvaluationSampler as EvaluationSampler,
)
from .selection import Selection as Selection, read_selected as read_selected
from .stored import StoredClips as StoredClips
from .transforms import ClipTransform as ClipTransform, Sample as Sample
