"""Find the faces in one frame of a video: MediaPipe's 478 landmarks of each, also of small faces.

A frame gives a list of `Face`. `tracking` joins the faces of successive frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from npvf.clip import CROP_SIZE
from npvf.faces.alignment import align, face_pose, misfit, smoothed_transform
from npvf.faces.backend import Backend, Found, Graph
from npvf.faces.cuts import thumbnail
from npvf.faces.litert import LiteRTGraph, Networks
from npvf.faces.model_file import need_face_model

# MediaPipe's face detector scales its image to 128 x 128 and misses faces below a seventh of the longer side.
MIN_SHARE = 1 / 7
# Smaller faces (pixels from hairline to chin) are not searched: their lips are too small to judge.
MIN_FACE = 75
# `find_small` finds faces down to about these heights, one search after the other.
_SMALL_FACES = (40, 24)
MAX_FACES = 10  # 16 ms of CPU for each face and frame
SEARCH_EVERY = 12  # frames between searches, while there is no face
SEARCH_EVERY_MORE = 25  # frames between searches, while there is a face
_PATIENCE = 10  # frames for which a lost face is searched near its last position
_WINDOW = 3.0  # side of that search window, in heights of the face
_SURE = 0.6  # the smallest confidence of the detector in a part of a frame
_MISFIT = 0.4  # largest misfit: hands and cushions taken for faces have 0.4 to 0.9, faces 0.05 to 0.35
_LOOKS_SIZE = 64  # side of the crop of which `Face.looks` is made, in pixels
_LOOKS_SCALE = _LOOKS_SIZE / CROP_SIZE
_LOOKS_ROWS, _LOOKS_COLUMNS = slice(0, 54), slice(9, -9)  # without the chin, which moves, and what is beside the face
_TWICE = 0.3  # two results closer than this share of a face's height are the same face


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in one frame.

    Attributes:
        landmarks_N2: (478, 2) float32 (x, y) in pixels of the frame. Points may lie outside the frame.
        box: (x0, y0, x1, y1) around the landmarks, in pixels.
        confidence: the share of the landmarks inside the frame, (0, 1].
        looks: (32, 32, 3) float32, a thumbnail of the aligned face without its mean colour.
        blendshapes: (52,) float32 in [0, 1] in MediaPipe's order, or None if they were not asked for.
        presence: the landmark network's probability of a face, above 0.5; None with the backend `mediapipe`, which does
            not return it. A patch over the mouth does not lower it: the rest of the face is enough.
    """

    landmarks_N2: np.ndarray
    box: tuple[float, float, float, float]
    confidence: float
    looks: np.ndarray
    blendshapes: np.ndarray | None = None
    presence: float | None = None

    @classmethod
    def of(cls, frame_HWC: np.ndarray, found: Found) -> Face:
        """Return a face of `frame_HWC`."""
        landmarks_N2 = found.landmarks_N2
        low, high = landmarks_N2.min(axis=0), landmarks_N2.max(axis=0)
        inside = ((landmarks_N2 >= 0) & (landmarks_N2 < frame_HWC.shape[1::-1])).all(axis=1).mean()
        # Small at once: a crop of the stored size would cost 0.4 ms for what is scaled down again.
        crop = align(frame_HWC, smoothed_transform(face_pose(landmarks_N2)[None], 0) * _LOOKS_SCALE, _LOOKS_SIZE)
        looks = thumbnail(crop[_LOOKS_ROWS, _LOOKS_COLUMNS], (32, 32))
        box = (*low.tolist(), *high.tolist())
        return cls(landmarks_N2, box, float(inside), looks, found.blendshapes, found.presence)

    @property
    def height(self) -> float:
        """Return the height of the box in pixels."""
        return self.box[3] - self.box[1]

    def is_also(self, other: Face) -> bool:
        """Return True if the landmarks of both are at the same place."""
        distance = np.linalg.norm(self.landmarks_N2 - other.landmarks_N2, axis=1).mean()
        return bool(distance < _TWICE * min(self.height, other.height))


class Landmarker:
    """MediaPipe's face landmarks for videos, one after the other, with an additional search for small faces.

    The whole frame goes through MediaPipe's VIDEO mode, which also looks for a face at its last position where the
    detector does not see it. A lost face is searched in a window around its last position, and once or twice a second
    overlapping tiles are searched for faces that are too small for the whole frame.

    Call `reset` after a scene cut: the search near the last position can get stuck where there is no face.

    Use as a context manager, or call `close`.

    Args:
        model_path: the `face_landmarker.task` file; None takes the cached one, which is fetched if it is absent.
        max_faces: the largest number of faces in a frame. Those that were found first are kept, of these the largest;
            the time that a frame takes grows with their number, and the others cost nothing.
        blendshapes: also measure MediaPipe's 52 expression coefficients.
        backend: what runs MediaPipe's networks (`npvf.faces.backend`).

    Attributes:
        left_out: the largest number of faces in a frame that were not followed because of `max_faces`.

    Raises:
        MissingDependency: the backend is absent, or the model file is absent and cannot be fetched.
    """

    def __init__(
        self,
        model_path: Path | str | None = None,
        max_faces: int = MAX_FACES,
        blendshapes: bool = False,
        backend: Backend = "litert",
    ) -> None:
        self.max_faces, self.left_out = max_faces, 0
        path = Path(model_path) if model_path else need_face_model()
        self._running, self._still = _graphs(backend, path, max_faces, blendshapes)
        self._known: list[tuple[Face, int]] = []  # each face with the number of frames since it was seen
        self._last_ms = self._until_search = 0

    def detect(self, frame_HWC: np.ndarray, time_s: float) -> list[Face]:
        """Return the faces in the next frame of a video, in any order.

        Args:
            frame_HWC: (H, W, 3) uint8 RGB.
            time_s: the time of the frame in seconds. A time that is not after the last one starts another video.
        """
        milliseconds = round(time_s * 1000) + 1  # MediaPipe's clock has to start above 0
        if milliseconds <= self._last_ms:
            self.reset()
        self._last_ms = milliseconds
        faces: list[Face] = []
        _add(faces, [Face.of(frame_HWC, found) for found in self._running.detect(frame_HWC, milliseconds)])
        lost = [(face, age + 1) for face, age in self._known if not any(face.is_also(other) for other in faces)]
        for face, _ in lost:
            _add(faces, self._look(frame_HWC, *_window(frame_HWC, face)))
        if self._until_search == 0:
            _add(faces, self._search(frame_HWC))
            self._until_search = SEARCH_EVERY_MORE if faces else SEARCH_EVERY
        self._until_search -= 1
        self.left_out = max(self.left_out, len(faces) - self.max_faces)
        del faces[self.max_faces :]
        still_lost = [(f, age) for f, age in lost if age < _PATIENCE and not any(f.is_also(o) for o in faces)]
        self._known = ([(face, 0) for face in faces] + still_lost)[: self.max_faces]
        return faces

    def find_small(self, frame_HWC: np.ndarray) -> float | None:
        """Return the height in pixels of the largest face in a frame that `detect` does not see, None if there is none.

        This takes a second for 1080p. It is for saying why there is no face, not for each frame.
        """
        height, width = frame_HWC.shape[:2]
        too_small = float(MIN_FACE)
        for smallest in _SMALL_FACES:
            smallest = max(smallest, height // 45)
            tiles = _squares(height, width, int(smallest / MIN_SHARE), too_small)
            if found := self._confirmed(frame_HWC, tiles):
                return found[0].height
            too_small = smallest
        return None

    def reset(self) -> None:
        """Forget the faces seen so far: after a scene cut, or for the next video."""
        if self._last_ms:  # MediaPipe starts a new graph, which costs as much as some frames
            self._running.reset()
        self._last_ms = self._until_search = 0
        self._known = []

    def close(self) -> None:
        """Free the native graphs."""
        self._running.close()
        self._still.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _search(self, frame_HWC: np.ndarray) -> list[Face]:
        return self._confirmed(frame_HWC, _tiles(*frame_HWC.shape[:2]))

    def _confirmed(self, frame_HWC: np.ndarray, tiles: Iterable[tuple[int, int, int]]) -> list[Face]:
        """Return the faces of all tiles that a second search around each of them confirms, the largest first."""
        found: list[Face] = []
        for tile in tiles:
            _add(found, self._look(frame_HWC, *tile))
        views = [(face, self._look(frame_HWC, *_window(frame_HWC, face))) for face in found]
        confirmed = [again for face, view in views for again in view if again.is_also(face)]
        return sorted(confirmed, key=lambda face: -face.height)

    def _look(self, frame_HWC: np.ndarray, x: int, y: int, side: int) -> list[Face]:
        """Return the faces in one square of the frame, in pixels of the frame."""
        found = self._still.detect(frame_HWC[y : y + side, x : x + side])
        corner = np.array((x, y), np.float32)
        return [
            Face.of(frame_HWC, face._replace(landmarks_N2=face.landmarks_N2 + corner))
            for face in found
            if misfit(face.landmarks_N2) < _MISFIT
        ]


def _graphs(backend: Backend, path: Path, max_faces: int, blendshapes: bool) -> tuple[Graph, Graph]:
    """Return a graph for successive frames, and one for unrelated images."""
    max_faces = max(2, max_faces)  # MediaPipe smooths, and so delays, the landmarks of a graph for one face
    if backend == "mediapipe":
        from npvf.faces.graph import LandmarkGraph  # an extra

        return (
            LandmarkGraph(path, max_faces, video=True, blendshapes=blendshapes),
            LandmarkGraph(path, max_faces, video=False, blendshapes=blendshapes, sure=_SURE),
        )
    networks = Networks(path)
    return (
        LiteRTGraph(networks, max_faces, video=True, blendshapes=blendshapes),
        LiteRTGraph(networks, max_faces, video=False, blendshapes=blendshapes, sure=_SURE),
    )


def _add(faces: list[Face], more: list[Face]) -> None:
    for face in more:
        if face.confidence > 0 and not any(face.is_also(other) for other in faces):
            faces.append(face)


def _window(frame_HWC: np.ndarray, face: Face) -> tuple[int, int, int]:
    """Return a square (x, y, side) around a face, inside the frame."""
    height, width = frame_HWC.shape[:2]
    side = int(min(_WINDOW * face.height, height, width))
    x = (face.box[0] + face.box[2] - side) / 2
    y = (face.box[1] + face.box[3] - side) / 2
    return int(np.clip(x, 0, width - side)), int(np.clip(y, 0, height - side)), side


def _tiles(height: int, width: int) -> Iterator[tuple[int, int, int]]:
    """Return overlapping squares (x, y, side) to search for faces that are too small for the whole frame.

    Each such face lies wholly in at least one of them.
    """
    missed = MIN_SHARE * max(height, width)  # height of the largest face that is missed
    if missed <= MIN_FACE:
        return
    yield from _squares(height, width, int(max(MIN_FACE / MIN_SHARE, 2.5 * missed)), missed)


def _squares(height: int, width: int, side: int, largest: float) -> Iterator[tuple[int, int, int]]:
    """Return overlapping squares (x, y, side); each face up to the height `largest` lies wholly in one of them."""
    side = min(height, width, side)
    stride = max(side - 1.25 * largest, side / 4)
    for y in np.linspace(0, height - side, int(np.ceil((height - side) / stride)) + 1):
        for x in np.linspace(0, width - side, int(np.ceil((width - side) / stride)) + 1):
            yield int(x), int(y), side
