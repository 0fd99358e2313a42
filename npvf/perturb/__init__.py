"""The robustness suite: what happens to a video on its way, done to real files by real encoders.

Importing this registers the perturbations of picture, sound and both, and the seven social-network routes.
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
