from .data import LabelledClips as LabelledClips, LabelledFaces as LabelledFaces
from .frames import FrameModule as FrameModule
from .localization import LocalizationModule as LocalizationModule
from .localization_data import LocatedFaces as LocatedFaces
from .module import DetectionModule as DetectionModule
