"""The original, through the forger's encoder: what a forgery is to be told from."""

from __future__ import annotations

import numpy as np

from npvf.clip import FPS
from npvf.forge.take import Forged, Take, cut_phones, pictures


def copy(take: Take, frames: int, donors: list[Take], rng: np.random.Generator) -> Forged:
    """The first `frames` of the take, unforged."""
    return Forged(pictures(take, frames), take.sound(frames), cut_phones(take.phones(), 0.0, frames / FPS))
