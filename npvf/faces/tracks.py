"""Turn a stream of frames into aligned face tracks, in one pass and with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from npvf.clip import FPS
from npvf.faces.alignment import RADIUS, align, apply_transform, face_pose, smoothed_transform
from npvf.faces.cuts import Cut, CutFinder
from npvf.faces.landmarks import Face, Landmarker
from npvf.faces.tracking import Tracker

Crops = TypeVar("Crops")
CropsOut = TypeVar("CropsOut", covariant=True)


class CropCollector(Protocol[CropsOut]):
    """Takes the crops of a piece one by one, so that a caller decides how much memory they need."""

    def add(self, face_HWC: np.ndarray) -> None:
        """Take the next crop, (224, 224, 3) uint8 RGB."""

    def finish(self) -> CropsOut:
        """Return all crops of the piece in the form that the caller wants."""


class StackedCrops:
    """Collect crops as one array (T, 224, 224, 3): 38 MB for 10 s."""

    def __init__(self) -> None:
        self._faces: list[np.ndarray] = []

    def add(self, face_HWC: np.ndarray) -> None:
        self._faces.append(face_HWC)

    def finish(self) -> np.ndarray:
        return np.stack(self._faces)


@dataclass(slots=True)
class TrackPiece(Generic[Crops]):
    """T successive frames of one face.

    Attributes:
        track: the number of the face in its video, from 0 in order of appearance.
        start: index of the first frame; the piece lasts until `start + frames`.
        crops: what the collector made of the crops; by default (T, 224, 224, 3) uint8 RGB.
        landmarks_TN2, source_landmarks_TN2: (T, 478, 2) float32 in crop pixels and in source pixels.
        transform_T23: (T, 2, 3) float32, source pixels -> crop pixels.
        confidence_T: (T,) float32, as in `Face`; 0 in frames that were interpolated after a short loss.
    """

    track: int
    start: int
    crops: Crops
    landmarks_TN2: np.ndarray
    source_landmarks_TN2: np.ndarray
    transform_T23: np.ndarray
    confidence_T: np.ndarray

    @property
    def frames(self) -> int:
        """Return T, the number of frames."""
        return len(self.landmarks_TN2)


def face_tracks(
    frames: Iterable[np.ndarray],
    landmarker: Landmarker,
    collector: Callable[[], CropCollector[Crops]],
    max_seconds: float = 20.0,
    max_gap: int | None = None,
) -> Iterator[TrackPiece[Crops]]:
    """Yield every face of a video in pieces of at most `max_seconds`, each as soon as it is complete.

    Args:
        frames: (H, W, 3) uint8 RGB at 25 frames a second; an array must not be changed after it was passed.
        landmarker: do not use it for anything else until the last piece is returned.
        collector: is called for each piece, and gives what takes its crops, such as `StackedCrops`.
        max_seconds: a longer track continues without a gap in another piece: same `track`, next `start`.
        max_gap: the longest loss in frames that is interpolated; None: 0.4 s.

    Memory holds the collectors and landmarks of the incomplete pieces, and about 20 frames of the source.
    """
    cuts = CutFinder()
    tracker = Tracker() if max_gap is None else Tracker(max_gap)
    growing: dict[int, _GrowingTrack[Crops]] = {}
    landmarker.reset()
    landmarker.left_out = 0
    for index, frame in enumerate(frames):
        cut = cuts.update(frame)
        if cut is Cut.CERTAIN:
            landmarker.reset()
        seen, ended = tracker.update(landmarker.detect(frame, index / FPS), cut)
        for track in ended:
            yield from growing.pop(track).finish()
        for track in seen.keys() - growing.keys():
            growing[track] = _GrowingTrack(track, index, round(max_seconds * FPS), collector)
        for track, grower in growing.items():
            yield from grower.add(frame, seen.get(track))
    for grower in growing.values():
        yield from grower.finish()


class _GrowingTrack(Generic[Crops]):
    """An incomplete track: frames wait here until a gap has ended and the smoother has the frames after them."""

    def __init__(self, track: int, start: int, max_frames: int, collector: Callable[[], CropCollector[Crops]]) -> None:
        self.track, self.start, self.max_frames = track, start, max_frames
        self._collector = collector
        self._crops = collector()
        self._last: np.ndarray  # landmarks of the last frame with the face
        self._lost: list[np.ndarray] = []  # frames since then
        self._waiting: list[tuple[np.ndarray, np.ndarray, float]] = []  # frame, landmarks, confidence, before the crop
        self._poses: list[np.ndarray] = []  # poses of the last RADIUS cut frames, then of the waiting ones
        self._done: list[tuple[np.ndarray, np.ndarray, float]] = []  # landmarks, transform, confidence

    def add(self, frame: np.ndarray, face: Face | None) -> Iterator[TrackPiece[Crops]]:
        """Add the next frame, with or without the face."""
        if face is None:
            self._lost.append(frame)
            return
        for i, lost in enumerate(self._lost, start=1):
            before, share = self._last, i / (len(self._lost) + 1)
            self._append(lost, (1 - share) * before + share * face.landmarks_N2, 0.0)
        self._lost.clear()
        self._append(frame, face.landmarks_N2, face.confidence)
        self._last = face.landmarks_N2
        while len(self._waiting) > RADIUS:
            yield from self._cut()

    def finish(self) -> Iterator[TrackPiece[Crops]]:
        """End the track at the last frame with the face."""
        while self._waiting:
            yield from self._cut()
        if self._done:
            yield self._piece()

    def _append(self, frame: np.ndarray, landmarks_N2: np.ndarray, confidence: float) -> None:
        self._waiting.append((frame, landmarks_N2, confidence))
        self._poses.append(face_pose(landmarks_N2))

    def _cut(self) -> Iterator[TrackPiece[Crops]]:
        """Cut the crop of the first waiting frame."""
        at = len(self._poses) - len(self._waiting)
        transform = smoothed_transform(np.stack(self._poses[: at + RADIUS + 1]), at)
        frame, landmarks_N2, confidence = self._waiting.pop(0)
        self._crops.add(align(frame, transform))
        self._done.append((landmarks_N2, transform, confidence))
        del self._poses[: max(0, at + 1 - RADIUS)]
        if len(self._done) == self.max_frames:
            yield self._piece()

    def _piece(self) -> TrackPiece[Crops]:
        landmarks, transforms, confidences = zip(*self._done, strict=True)
        start, self.start = self.start, self.start + len(self._done)
        crops, self._crops = self._crops.finish(), self._collector()
        self._done.clear()
        source_TN2 = np.stack(landmarks).astype(np.float32)
        transform_T23 = np.stack(transforms)
        return TrackPiece(
            track=self.track,
            start=start,
            crops=crops,
            landmarks_TN2=apply_transform(transform_T23, source_TN2).astype(np.float32),
            source_landmarks_TN2=source_TN2,
            transform_T23=transform_T23,
            confidence_T=np.array(confidences, np.float32),
        )
