"""The kinds of forgeries, and what belongs to each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from npvf.clip import FAKE, REAL
from npvf.forge.calibrated import calibrated
from npvf.forge.copy import copy
from npvf.forge.face_swap import face_swap, find_faces
from npvf.forge.mouth_swap import mouth_calibrated, mouth_reanimated
from npvf.forge.multi_source import assembled, multi_source
from npvf.forge.self_blend import self_blend
from npvf.forge.smoothed import smoothed
from npvf.forge.sound_shift import sound_shift
from npvf.forge.sound_swap import find_donors, sound_swap
from npvf.forge.source_video import Forged, SourceVideo

COPY = "none"


@dataclass(frozen=True)
class Kind:
    """A kind of forgery.

    Attributes:
        make: the function (source, frames, donors, rng) -> `Forged`.
        description: one line for the help.
        audio_label, video_label: which of the two streams is forged.
        donors: the function (source, all sources) -> possible donors of a face, a mouth or audio.
        twin: makes the same video without the forgery, if a copy of the source would differ in more than the forgery.
    """

    make: Callable[[SourceVideo, int, list[SourceVideo], np.random.Generator], Forged]
    description: str
    audio_label: int = REAL
    video_label: int = REAL
    donors: Callable[[SourceVideo, list[SourceVideo]], list[SourceVideo]] = find_donors
    twin: Callable[[SourceVideo, int, list[SourceVideo], np.random.Generator], Forged] | None = None


COPIED = Kind(copy, "the original, unforged, through the same encoder")

KINDS: dict[str, Kind] = {
    "sound_swap": Kind(sound_swap, "another clip's sound under the picture, of the same person if there is one", FAKE),
    "sound_shift": Kind(sound_shift, "its own sound 0.32 to 0.6 s early or late", FAKE),
    "calibrated": Kind(
        calibrated, "clips of npvf synth: another sentence's lips, closed where the sound closes them", video_label=FAKE
    ),
    "mouth_calibrated": Kind(
        mouth_calibrated, "real footage: as calibrated, the mouth out of other moments", video_label=FAKE
    ),
    "mouth_reanimated": Kind(mouth_reanimated, "the mouth out of other moments of the same person", video_label=FAKE),
    "face_swap": Kind(face_swap, "another identity's face, warped and blended in", video_label=FAKE, donors=find_faces),
    "self_blend": Kind(self_blend, "its own face, slightly warped and recoloured, blended in", video_label=FAKE),
    "smoothed": Kind(smoothed, "a region of the face smoothed, filled in or re-made coarser", video_label=FAKE),
    "multi_source": Kind(
        multi_source,
        "two to four people in one picture, one of them forged, one of them heard",
        video_label=FAKE,
        donors=find_faces,
        twin=assembled,
    ),
}
