from .data import RealClips as RealClips, TalkingFaces as TalkingFaces
from .module import PretrainModule as PretrainModule
