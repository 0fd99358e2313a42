"""Decide which of the visible faces the audio belongs to.

No learning: the correlation of lip aperture with sound energy (`npvf.faces.speaking`). In a video where people speak
in turn the answer changes with time, so it is given for each piece of a track, against the faces beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from npvf.clip import SEGMENT_FRAMES
from npvf.faces.speaking import aperture_energy_similarity


@dataclass(frozen=True, slots=True)
class Lips:
    """The lip aperture (T,) of one piece of a track, from frame `start` of the video on."""

    track: int
    start: int
    aperture: np.ndarray

    @property
    def stop(self) -> int:
        """The frame after the last one."""
        return self.start + len(self.aperture)

    def score(self, energy_T: np.ndarray, start: int, stop: int) -> float:
        """Correlate the lips in frames [start, stop) with the energy of the audio, in [-1, 1]."""
        return aperture_energy_similarity(self.aperture[start - self.start : stop - self.start], energy_T[start:stop])


def find_speakers(pieces: Sequence[Lips], energy_T: np.ndarray) -> list[tuple[float, bool]]:
    """For each piece its score in [-1, 1] and whether it is the speaker's.

    A piece is the speaker's unless another track, seen for at least half of the piece's time, goes better with the
    sound during the time that both are seen. So at each moment some face is the speaker: that somebody out of the
    picture speaks is for the score to tell.

    Args:
        pieces: each at least 0.96 s long.
        energy_T: `energy_envelope` of the whole video's sound.
    """
    return [
        (piece.score(energy_T, piece.start, piece.stop), not any(_beats(rival, piece, energy_T) for rival in pieces))
        for piece in pieces
    ]


def _beats(rival: Lips, piece: Lips, energy_T: np.ndarray) -> bool:
    start, stop = max(rival.start, piece.start), min(rival.stop, piece.stop)
    if rival.track == piece.track or stop - start < max(SEGMENT_FRAMES, len(piece.aperture) / 2):
        return False
    theirs, ours = (lips.score(energy_T, start, stop) for lips in (rival, piece))
    return (theirs, -rival.track) > (ours, -piece.track)  # equal scores: the face seen first
