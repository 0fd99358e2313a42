"""The robustness suite: changes that a video undergoes when it is shared, made to real files by real encoders.

Importing it registers the perturbations of frames, of audio and of both, and the seven social-network routes.
"""

from npvf.perturb import both, codecs, picture, sound
from npvf.perturb.apply import Condition, perturb_video
from npvf.perturb.registry import GROUPS, Group, Perturbation, get_perturbation, list_perturbations, perturbation
from npvf.perturb.routes import add_routes
from npvf.perturb.run import perturb
from npvf.perturb.video_edit import VideoEdit

__all__ = [
    "GROUPS",
    "Condition",
    "Group",
    "Perturbation",
    "VideoEdit",
    "add_routes",
    "both",
    "codecs",
    "get_perturbation",
    "list_perturbations",
    "perturb",
    "perturb_video",
    "perturbation",
    "picture",
    "sound",
]

add_routes()
