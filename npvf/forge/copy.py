"""The original with the encoder of the forgeries, so that the encoder does not tell them apart."""

from __future__ import annotations

import numpy as np

from npvf.clip import FPS
from npvf.forge.source_video import Forged, SourceVideo, cut_phones, pictures


def copy(source: SourceVideo, frames: int, donors: list[SourceVideo], rng: np.random.Generator) -> Forged:
    """Return the first `frames` of the source video, unforged."""
    return Forged(pictures(source, frames), source.sound(frames), cut_phones(source.phones(), 0.0, frames / FPS))
