"""Which face is whom: scene cuts, and faces joined into tracks frame after frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from npvf.clip import FPS
from npvf.faces.geometry import STABLE, face_size
from npvf.faces.landmarks import Face

MAX_GAP = round(0.4 * FPS)

# In units of the face's size (a quarter of its height), measured against where the track was heading.
_REACH = 1.5
_REACH_PER_MISSED_FRAME = 0.15
_REACH_OVER_SUSPECTED_CUT = 0.4
_MAX_ZOOM = 1.6


class Cut(IntEnum):
    """Does a new scene begin at this frame? After `SUSPECTED` the faces decide."""

    NO = 0
    SUSPECTED = 1
    CERTAIN = 2


class CutFinder:
    """Compares each frame with the one before: a cut changes what is where, a flash or a fade only how bright it is.

    The measure is the correlation of two thumbnails, each freed of its mean colour. Within a shot it stays above 0.65
    even when the camera follows somebody running; across a cut it is below 0.3.
    """

    certain = 0.45
    suspected = 0.85
    thumbnail = (64, 36)

    def __init__(self) -> None:
        self._last: np.ndarray | None = None

    def update(self, frame_HWC: np.ndarray) -> Cut:
        """Judge the next frame, (H, W, 3) uint8."""
        small = cv2.resize(frame_HWC, self.thumbnail, interpolation=cv2.INTER_AREA).astype(np.float32)
        small -= small.mean(axis=(0, 1))
        last, self._last = self._last, small
        if last is None:
            return Cut.NO
        alike = _correlation(small, last)
        return Cut.CERTAIN if alike < self.certain else Cut.SUSPECTED if alike < self.suspected else Cut.NO


@dataclass
class _Track:
    id: int
    face: Face
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2, np.float32))  # pixels a frame
    missed: int = 0

    def predicted(self) -> np.ndarray:
        """The stable points where they should be now."""
        return self.face.landmarks_N2[STABLE] + self.velocity * (self.missed + 1)

    def follow(self, face: Face) -> None:
        moved = (face.landmarks_N2[STABLE] - self.face.landmarks_N2[STABLE]).mean(axis=0) / (self.missed + 1)
        self.velocity = 0.5 * self.velocity + 0.5 * moved
        self.face, self.missed = face, 0


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    # One grey level of noise on both sides keeps black frames from being "different" from one another.
    noise = a.size
    return float(((a * b).sum() + noise) / np.sqrt((np.square(a).sum() + noise) * (np.square(b).sum() + noise)))


class Tracker:
    """Joins the faces of successive frames into tracks, all of them, online.

    Tracks and faces are matched by the Hungarian method on the distance of the stable points from where each track
    was heading (constant velocity), so that faces which cross keep their numbers. A track survives `max_gap` frames
    without a face; a cut ends it.
    """

    def __init__(self, max_gap: int = MAX_GAP) -> None:
        self.max_gap = max_gap
        self._tracks: list[_Track] = []
        self._next_id = 0

    def update(self, faces: Sequence[Face], cut: Cut = Cut.NO) -> tuple[dict[int, Face], list[int]]:
        """Take in the next frame.

        Returns:
            The faces of this frame by track id, and the ids of the tracks that have ended before it.
        """
        before, after = (self._tracks, []) if cut is Cut.CERTAIN else ([], self._tracks)
        pairs = _match(after, faces, _REACH_OVER_SUSPECTED_CUT if cut is Cut.SUSPECTED else _REACH)
        for row, track in enumerate(after):
            if row in pairs:
                track.follow(faces[pairs[row]])
            else:
                track.missed += 1
        # Across a suspected cut there is no waiting for a face to come back.
        patience = 0 if cut is Cut.SUSPECTED else self.max_gap
        ended = [track.id for track in before + [t for t in after if t.missed > patience]]
        taken = set(pairs.values())
        new = [self._begin(face) for column, face in enumerate(faces) if column not in taken]
        self._tracks = [t for t in after if t.id not in ended] + new
        return {t.id: t.face for t in self._tracks if t.missed == 0}, ended

    def _begin(self, face: Face) -> _Track:
        self._next_id += 1
        return _Track(self._next_id - 1, face)


def _match(tracks: list[_Track], faces: Sequence[Face], reach: float) -> dict[int, int]:
    """Track row -> face column, of the pairs that are near enough."""
    if not tracks or not faces:
        return {}
    cost = np.full((len(tracks), len(faces)), 1e6)
    for row, track in enumerate(tracks):
        size = float(face_size(track.face.landmarks_N2))
        expected = track.predicted()
        limit = reach + _REACH_PER_MISSED_FRAME * track.missed
        for column, face in enumerate(faces):
            distance = np.linalg.norm(face.landmarks_N2[STABLE] - expected, axis=1).mean() / size
            zoom = float(face_size(face.landmarks_N2)) / size
            if distance < limit and 1 / _MAX_ZOOM < zoom < _MAX_ZOOM:
                cost[row, column] = distance
    rows, columns = linear_sum_assignment(cost)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if cost[r, c] < 1e6}
