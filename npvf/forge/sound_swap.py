"""Replace the audio by that of another clip: lips and voice say different sentences."""

from __future__ import annotations

import numpy as np

from npvf.clip import FPS
from npvf.errors import NpvfError
from npvf.forge.source_video import Forged, SourceVideo, cut_phones, pictures, unforged_masks

SHORTEST = 0.75  # of the length of the clip: the smallest length of a donor


def find_donors(source: SourceVideo, sources: list[SourceVideo]) -> list[SourceVideo]:
    """Return at most five source videos whose audio can replace that of this one, most similar in length first.

    They belong to the same split, so that a split by identity stays disjoint. If there are videos of the same person,
    only these count: the voice then fits the face, and only the sentence is wrong. If the sentences are known, theirs
    is another one. They last at least 0.75 of the source video.
    """
    said = source.annotation
    others = [t for t in sources if t.video != source.video and t.annotation.split == said.split]
    others = [t for t in others if t.seconds >= SHORTEST * source.seconds]
    if said.transcript is not None:
        others = [t for t in others if t.annotation.transcript != said.transcript]
    same = [t for t in others if said.identity is not None and t.annotation.identity == said.identity]
    nearest = sorted(same or others, key=lambda t: (abs(t.frames - source.frames), t.video))
    return nearest[:5]


def sound_swap(source: SourceVideo, frames: int, donors: list[SourceVideo], rng: np.random.Generator) -> Forged:
    """Replace the audio by that of the first donor. Raises NpvfError if there is none."""
    if not donors:
        raise NpvfError(
            f"{source.video}: no other real video of its split is long enough to give its audio; add videos or leave "
            "out sound_swap"
        )
    donor = donors[0]
    phones = cut_phones(donor.phones(), 0.0, frames / FPS)
    masks = unforged_masks(source, frames)
    return Forged(pictures(source, frames), donor.sound(frames), phones, heard=donor, masks=masks)
