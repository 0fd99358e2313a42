"""MediaPipe's face landmark networks, run by LiteRT: the same landmarks as `FaceLandmarker` in half the time.

This is ours because MediaPipe's own runner takes 11 ms of CPU a frame where its networks take 5, takes two seconds to
import, needs graphics libraries, and does not return the presence score. The steps are those of its graphs
(`face_landmarker_graph`, `face_detector_graph`, `face_landmarks_detector_graph`), and tests compare the two:

1. The detector searches the whole frame, scaled to 128 x 128, unless `max_faces` faces are followed already.
2. A rectangle for each face, turned so that its eyes are level: that of the detector, or of the last frame's landmarks
   where the detector sees no face that overlaps it by half.
3. The landmark network sees each rectangle in 256 x 256 pixels. It gives 478 points and the presence of a face.
"""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from npvf.errors import MissingDependency
from npvf.faces.backend import Found, without_startup_noise

_DETECTOR, _LANDMARKS, _BLENDSHAPES = "face_detector", "face_landmarks_detector", "face_blendshapes"
_DETECTOR_SIDE, _LANDMARK_SIDE = 128, 256
_PRESENT = 0.5  # the least presence of a face, MediaPipe's default
_SAME = 0.5  # rectangles, or boxes of the detector, that overlap by more (intersection over union) are of one face
_MARGIN = 1.5  # the landmark network sees a rectangle so much larger than the face
_DETECTOR_EYES = (0, 1)  # points of the detector
_OUTER_EYE_CORNERS = (33, 263)  # landmarks
_THREADS = 2  # a second one saves a third of the time, with the same landmarks to the bit; these networks are small
# The landmarks that the network for expressions takes.
# fmt: off
_EXPRESSIVE = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78,
    80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150,
    152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197,
    234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308,
    310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377,
    378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466,
    468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
])
# fmt: on


@dataclass(frozen=True, slots=True)
class _Rectangle:
    """A part of a frame, in pixels; `roll` in radians, clockwise on the screen."""

    x: float
    y: float
    width: float
    height: float
    roll: float = 0.0

    def corners(self) -> np.ndarray:
        """Return the upper left, upper right and lower left corner, (3, 2) float32."""
        along = np.array((math.cos(self.roll), math.sin(self.roll))) * self.width / 2
        down = np.array((-math.sin(self.roll), math.cos(self.roll))) * self.height / 2
        centre = np.array((self.x, self.y))
        return np.array([centre - along - down, centre + along - down, centre - along + down], np.float32)

    def overlap(self, other: _Rectangle) -> float:
        """Return the intersection over union of the two, as if neither was turned."""
        sides = [
            min(a + u / 2, b + v / 2) - max(a - u / 2, b - v / 2)
            for a, u, b, v in (
                (self.x, self.width, other.x, other.width),
                (self.y, self.height, other.y, other.height),
            )
        ]
        if min(sides) <= 0:
            return 0.0
        common = sides[0] * sides[1]
        return common / (self.width * self.height + other.width * other.height - common)


class Networks:
    """The networks of a `face_landmarker.task` file, each loaded when it is first used.

    They run with two threads, or with one where OpenCV has one: in the worker processes of `npvf.io.workers`.

    Raises:
        MissingDependency: LiteRT is absent.
    """

    def __init__(self, model_path: Path) -> None:
        self._path = model_path
        self._loaded: dict[str, tuple[Any, int, list[int]]] = {}
        _import_litert()

    def run(self, name: str, input_1X: np.ndarray) -> list[np.ndarray]:
        """Return copies of all outputs of one network, in its order."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        network, source, targets = self._loaded[name]
        network.set_tensor(source, input_1X)
        network.invoke()
        return [network.get_tensor(target) for target in targets]

    def _load(self, name: str) -> tuple[Any, int, list[int]]:
        with zipfile.ZipFile(self._path) as file:
            content = file.read(f"{name}.tflite")
        with without_startup_noise():
            network = _import_litert()(model_content=content, num_threads=min(_THREADS, cv2.getNumThreads()))
            network.allocate_tensors()
        targets = [output["index"] for output in network.get_output_details()]
        return network, network.get_input_details()[0]["index"], targets


class LiteRTGraph:
    """MediaPipe's FaceLandmarker as one function from a frame to faces, like `npvf.faces.graph.LandmarkGraph`.

    Args:
        networks: may be shared by several graphs of one thread.
        max_faces: the largest number of faces in a frame.
        video: the frames follow each other: a face is also searched where it was in the last one.
        blendshapes: also measure the 52 expression coefficients.
        sure: the smallest confidence of the detector, [0, 1].
    """

    def __init__(
        self, networks: Networks, max_faces: int, video: bool, blendshapes: bool = False, sure: float = 0.5
    ) -> None:
        self._networks, self._max_faces, self._video = networks, max_faces, video
        self._blendshapes, self._sure = blendshapes, sure
        self._followed: list[_Rectangle] = []

    def detect(self, image_HWC: np.ndarray, milliseconds: int = 0) -> list[Found]:
        """Return the faces of an image (H, W, 3) uint8; the time does not count."""
        rectangles = list(self._followed)
        if len(rectangles) < self._max_faces:
            rectangles += self._search(image_HWC)
        found: list[Found] = []
        followed: list[_Rectangle] = []
        for rectangle in _distinct(rectangles)[: self._max_faces]:
            landmarks_N2, presence = self._landmarks(image_HWC, rectangle)
            if presence > _PRESENT:
                found.append(Found(landmarks_N2, self._expression(landmarks_N2), presence))
                followed.append(_around(landmarks_N2))
        if self._video:
            self._followed = followed
        return found

    def reset(self) -> None:
        """Forget the faces of the last frame."""
        self._followed = []

    def close(self) -> None:
        """Nothing to free: the networks may belong to another graph as well."""

    def _search(self, image_HWC: np.ndarray) -> list[_Rectangle]:
        """Return the rectangles in which the detector sees faces, the surest first."""
        height, width = image_HWC.shape[:2]
        side = max(height, width)
        whole = _Rectangle(width / 2, height / 2, side, side)
        pixels_HWC = _cut(image_HWC, whole, _DETECTOR_SIDE, cv2.BORDER_CONSTANT)
        values_AV, logits_A = self._networks.run(_DETECTOR, _scaled(pixels_HWC, 1 / 127.5, -1.0))
        likely_B = np.flatnonzero(logits_A[0, :, 0] >= math.log(self._sure / (1 - self._sure)))
        boxes_BV = values_AV[0, likely_B] / _DETECTOR_SIDE
        boxes_BV[:, :2] += _ANCHORS_A2[likely_B]
        boxes_BV[:, 4:] += np.tile(_ANCHORS_A2[likely_B], 6)
        boxes = _merged(boxes_BV, _sigmoid(logits_A[0, likely_B, 0]))
        corner_2 = np.array((width - side, height - side)) / 2
        return [_of_detection(box_V * side, corner_2) for box_V in boxes[: self._max_faces]]

    def _landmarks(self, image_HWC: np.ndarray, rectangle: _Rectangle) -> tuple[np.ndarray, float]:
        """Return the landmarks (478, 2) float32 in pixels of the image, and the presence of a face in the rectangle."""
        pixels_HWC = _cut(image_HWC, rectangle, _LANDMARK_SIDE, cv2.BORDER_REPLICATE)
        points, presence, *_ = self._networks.run(_LANDMARKS, _scaled(pixels_HWC, 1 / 255, 0.0))
        inside_N2 = points.reshape(-1, 3)[:, :2] / _LANDMARK_SIDE - 0.5
        c, s = math.cos(rectangle.roll), math.sin(rectangle.roll)
        turned_N2 = inside_N2 @ np.array([(c, s), (-s, c)], np.float32)
        landmarks_N2 = turned_N2 * (rectangle.width, rectangle.height) + (rectangle.x, rectangle.y)
        return landmarks_N2.astype(np.float32), float(_sigmoid(presence.reshape(())))

    def _expression(self, landmarks_N2: np.ndarray) -> np.ndarray | None:
        if not self._blendshapes:
            return None
        return self._networks.run(_BLENDSHAPES, landmarks_N2[None, _EXPRESSIVE])[0]


def _anchors() -> np.ndarray:
    """Return the centres (x, y) of the detector's 896 boxes, in [0, 1]: a grid of 16 x 16, and one of 8 x 8."""
    grids = []
    for cells, boxes in ((16, 2), (8, 6)):
        y, x = np.divmod(np.arange(cells * cells), cells)
        grids.append(np.repeat((np.column_stack([x, y]) + 0.5) / cells, boxes, axis=0))
    return np.concatenate(grids).astype(np.float32)


_ANCHORS_A2 = _anchors()


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, -80, 80)))


def _merged(boxes_BV: np.ndarray, scores_B: np.ndarray) -> list[np.ndarray]:
    """Return a box for each face, the surest first: the mean of those that overlap the surest, weighted by score."""
    merged = []
    left = list(np.argsort(-scores_B, kind="stable"))
    while left:
        best = _Rectangle(*boxes_BV[left[0], :4].tolist())
        same = [i for i in left if best.overlap(_Rectangle(*boxes_BV[i, :4].tolist())) > _SAME]
        same = same or left[:1]
        left = [i for i in left if i not in same]
        merged.append(scores_B[same] @ boxes_BV[same] / scores_B[same].sum())
    return merged


def _of_detection(box_V: np.ndarray, corner_2: np.ndarray) -> _Rectangle:
    """Return the rectangle of a box (x, y, width, height, six points) of the detector."""
    points = box_V[4:].reshape(6, 2)
    x, y = box_V[:2] + corner_2
    return _Rectangle(
        float(x), float(y), _MARGIN * float(box_V[2]), _MARGIN * float(box_V[3]), _roll(points, _DETECTOR_EYES)
    )


def _around(landmarks_N2: np.ndarray) -> _Rectangle:
    """Return the square around landmarks in which the face will still lie in the next frame."""
    low, high = landmarks_N2.min(axis=0), landmarks_N2.max(axis=0)
    x, y = ((low + high) / 2).tolist()
    side = _MARGIN * float((high - low).max())
    return _Rectangle(x, y, side, side, _roll(landmarks_N2, _OUTER_EYE_CORNERS))


def _roll(points_N2: np.ndarray, eyes: tuple[int, int]) -> float:
    x, y = (points_N2[eyes[1]] - points_N2[eyes[0]]).tolist()
    return math.atan2(y, x)


def _distinct(rectangles: list[_Rectangle]) -> list[_Rectangle]:
    """Leave out each rectangle that a later one overlaps by half."""
    kept: list[_Rectangle] = []
    for rectangle in rectangles:
        kept = [other for other in kept if rectangle.overlap(other) <= _SAME] + [rectangle]
    return kept


def _cut(image_HWC: np.ndarray, rectangle: _Rectangle, side: int, border: int) -> np.ndarray:
    """Return a rectangle of an image, scaled to (side, side, 3)."""
    target = np.array([(0, 0), (side, 0), (0, side)], np.float32)
    transform = cv2.getAffineTransform(rectangle.corners(), target)
    return cv2.warpAffine(image_HWC, transform, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)


def _scaled(pixels_HWC: np.ndarray, factor: float, offset: float) -> np.ndarray:
    """Return pixels as the input of a network, (1, H, W, 3) float32."""
    scaled = np.multiply(pixels_HWC[None], np.float32(factor), dtype=np.float32)
    return scaled + np.float32(offset) if offset else scaled


def _import_litert() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingDependency(f"LiteRT cannot be loaded ({error}); pip install ai-edge-litert") from error
    return Interpreter
