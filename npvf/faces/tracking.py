"""Join the faces of successive frames into tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from npvf.clip import FPS
from npvf.faces.cuts import Cut, correlation
from npvf.faces.geometry import STABLE, face_size
from npvf.faces.landmarks import Face

MAX_GAP = round(0.4 * FPS)

# Distances are from the predicted position, in units of the face's size (a quarter of its height).
_REACH = 1.5
_REACH_PER_MISSED_FRAME = 0.15
_MAX_ZOOM = 1.6
# Weight of a quite different appearance, relative to distance.
_LOOKS = 0.5
# A face is rarely less similar to itself one frame earlier, and two people are rarely more similar.
_SAME_PERSON = 0.77
# Without any sign of a cut, a face that turns or is lit differently may be less similar, but not less than this.
_MAYBE_SAME_PERSON = 0.5


@dataclass(eq=False)
class _Track:
    id: int
    face: Face
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2, np.float32))  # pixels per frame
    missed: int = 0
    doubtful: bool = False  # there may have been a cut since the face was last seen

    def predicted(self) -> np.ndarray:
        """Return the predicted positions of the stable points in the current frame."""
        return self.face.landmarks_N2[STABLE] + self.velocity * (self.missed + 1)

    def follow(self, face: Face) -> None:
        moved = (face.landmarks_N2[STABLE] - self.face.landmarks_N2[STABLE]).mean(axis=0) / (self.missed + 1)
        self.velocity = 0.5 * self.velocity + 0.5 * moved
        self.face, self.missed, self.doubtful = face, 0, False


class Tracker:
    """Join the faces of successive frames into tracks, frame by frame.

    Tracks and faces are matched by the Hungarian method. The cost is the distance of the stable points from their
    predicted positions (constant velocity) plus the difference of appearance, so that crossing faces keep their
    numbers. A track survives `max_gap` frames without a face. A cut ends it; after a suspected cut only a face that
    looks the same continues it. A track ends at once if somebody else replaces its face: cuts back and forth between
    two people would otherwise make one track of each, whose gaps show the other one.
    """

    def __init__(self, max_gap: int = MAX_GAP) -> None:
        self.max_gap = max_gap
        self._tracks: list[_Track] = []
        self._next_id = 0

    def update(self, faces: Sequence[Face], cut: Cut = Cut.NO) -> tuple[dict[int, Face], list[int]]:
        """Process the next frame.

        Returns:
            The faces of this frame by track id, and the ids of the tracks that have ended before it.
        """
        alive = [] if cut is Cut.CERTAIN else self._tracks
        for track in alive:
            track.doubtful |= cut is Cut.SUSPECTED
        pairs = _match(alive, faces)
        strangers = [face for column, face in enumerate(faces) if column not in pairs.values()]
        kept = []
        for row, track in enumerate(alive):
            if row in pairs:
                track.follow(faces[pairs[row]])
                kept.append(track)
            elif not _is_replaced(track, strangers):
                track.missed += 1
                kept += [track] if track.missed <= self.max_gap else []
        ended = [track.id for track in self._tracks if track not in kept]
        self._tracks = kept + [self._begin(face) for face in strangers]
        return {t.id: t.face for t in self._tracks if t.missed == 0}, ended

    def _begin(self, face: Face) -> _Track:
        self._next_id += 1
        return _Track(self._next_id - 1, face)


def _match(tracks: list[_Track], faces: Sequence[Face]) -> dict[int, int]:
    """Match tracks (rows) with faces (columns) that can be the same. Return the column of each matched row."""
    if not tracks or not faces:
        return {}
    impossible = 1e6
    cost = np.full((len(tracks), len(faces)), impossible)
    for row, track in enumerate(tracks):
        least = _SAME_PERSON if track.doubtful else _MAYBE_SAME_PERSON
        for column, face in enumerate(faces):
            distance, looks = _distance(track, face), correlation(track.face.looks, face.looks)
            if distance is not None and looks > least:
                cost[row, column] = distance + _LOOKS * (1 - looks)
    rows, columns = linear_sum_assignment(cost)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if cost[r, c] < impossible}


def _is_replaced(track: _Track, strangers: Sequence[Face]) -> bool:
    """Return True if a new face has taken the place of a lost one, or has appeared anywhere after a suspected cut."""
    return any(track.doubtful or _distance(track, face) is not None for face in strangers)


def _distance(track: _Track, face: Face) -> float | None:
    """Return the distance of a face from the predicted position, in its sizes; None if it is out of reach."""
    size = float(face_size(track.face.landmarks_N2))
    distance = float(np.linalg.norm(face.landmarks_N2[STABLE] - track.predicted(), axis=1).mean()) / size
    zoom = float(face_size(face.landmarks_N2)) / size
    reach = _REACH + _REACH_PER_MISSED_FRAME * track.missed
    return distance if distance < reach and 1 / _MAX_ZOOM < zoom < _MAX_ZOOM else None
