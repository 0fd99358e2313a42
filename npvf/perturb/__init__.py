"""The robustness suite: changes that a video undergoes when it is shared, made to real files by real encoders.

Importing it registers the perturbations of frames, of audio and of both, and the seven social-network routes.
"""

from npvf.perturb import both, codecs, picture, sound
from npvf.perturb.registry import GROUPS, Group, Perturbation, get_perturbation, list_perturbations
from npvf.perturb.routes import add_routes

__all__ = [
    "GROUPS",
    "Group",
    "Perturbation",
    "add_routes",
    "both",
    "codecs",
    "get_perturbation",
    "list_perturbations",
    "picture",
    "sound",
]

add_routes()
