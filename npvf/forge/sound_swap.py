"""Another clip's sound under these pictures: lips and voice say different sentences."""

from __future__ import annotations

import numpy as np

from npvf.clip import FPS
from npvf.errors import NpvfError
from npvf.forge.source_video import Forged, SourceVideo, cut_phones, pictures, unforged_masks

SHORTEST = 0.75  # of the clip's length, for a sound that may go under it


def find_donors(source: SourceVideo, sources: list[SourceVideo]) -> list[SourceVideo]:
    """The source videos whose sound may go under this one's pictures, those nearest in length first, at most five.

    Only sources of the same split, so that a split by identity stays disjoint; of the same person where there are any,
    so that the voice goes with the face and only the sentence is wrong; of another sentence where that is known.
    None is shorter than 0.75 of the source video.
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
    """The source video with the sound of the first donor. Raises NpvfError where there is none."""
    if not donors:
        raise NpvfError(
            f"{source.video}: no other real video of its split is long enough to give its audio; add videos or leave "
            "out sound_swap"
        )
    donor = donors[0]
    phones = cut_phones(donor.phones(), 0.0, frames / FPS)
    masks = unforged_masks(source, frames)
    return Forged(pictures(source, frames), donor.sound(frames), phones, heard=donor, masks=masks)
