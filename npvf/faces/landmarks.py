"""Faces in one frame: MediaPipe's 478 landmarks of each, out of a running video.

A picture in, a list of `Face` out. Which face is whom over time is the business of `tracking`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from npvf.errors import MissingDependency
from npvf.faces.model_file import face_model_path

# Two results closer than this share of a face's size are one face that MediaPipe follows twice.
_DOUBLE = 0.3
# What MediaPipe's native code says each time it starts. Every other line goes through.
_NOISE = (
    b"WARNING: Logging before InitGoogle()",
    b"INFO: Created TensorFlow Lite XNNPACK delegate",
    b"face_landmarker_graph.cc",
    b"inference_feedback_manager.cc",
)


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame.

    Attributes:
        landmarks_N2: (478, 2) float32 (x, y) in pixels of the frame; points of a face half outside lie outside too.
        box: (x0, y0, x1, y1) around the landmarks, in pixels.
        confidence: share of the landmarks that lie inside the picture, (0, 1]. MediaPipe's Tasks tell no score of
            their own: a face has either passed the detector's and the landmark network's thresholds or is not here.
        blendshapes: (52,) float32 in [0, 1] in MediaPipe's order, or None if they were not asked for.
    """

    landmarks_N2: np.ndarray
    box: tuple[float, float, float, float]
    confidence: float = 1.0
    blendshapes: np.ndarray | None = None

    @classmethod
    def from_landmarks(
        cls, landmarks_N2: np.ndarray, frame_size: tuple[int, int], blendshapes: np.ndarray | None = None
    ) -> Face:
        """Box and confidence follow from the points and the frame's (width, height)."""
        low, high = landmarks_N2.min(axis=0), landmarks_N2.max(axis=0)
        inside = ((landmarks_N2 >= 0) & (landmarks_N2 < frame_size)).all(axis=1).mean()
        box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        return cls(landmarks_N2, box, float(inside), blendshapes)


class Landmarker:
    """MediaPipe's FaceLandmarker in its VIDEO mode, for any number of videos one after the other.

    In VIDEO mode a face is looked for near where it was, which is quicker and steadier than afresh in each frame, but
    such a search can stick to nothing after a cut: call `reset` there. MediaPipe smooths its landmarks over time if
    and only if `max_faces` is 1, and that delays the lips: leave it above 1.

    Use as a context manager, or call `close`.

    Args:
        model_path: the `face_landmarker.task` file; None takes the cached one.
        max_faces: most faces told of in one frame.
        blendshapes: measure MediaPipe's 52 expression coefficients too.

    Raises:
        MissingDependency: the package, a system library that it needs, or the model file is absent.
    """

    def __init__(self, model_path: Path | str | None = None, max_faces: int = 4, blendshapes: bool = False) -> None:
        self._model_path = Path(model_path) if model_path else face_model_path()
        self._max_faces = max_faces
        self._blendshapes = blendshapes
        self._mediapipe = _import_mediapipe()
        self._last_ms = 0
        self._start()

    def detect(self, frame_HWC: np.ndarray, time_s: float) -> list[Face]:
        """The faces in the next frame of a video, in no particular order.

        Args:
            frame_HWC: (H, W, 3) uint8 RGB.
            time_s: the frame's time in seconds. A time that does not lie after the last one starts another video.
        """
        milliseconds = round(time_s * 1000)
        if milliseconds <= self._last_ms:
            self.reset()
        self._last_ms = milliseconds
        image = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, np.ascontiguousarray(frame_HWC))
        result = self._landmarker.detect_for_video(image, milliseconds)
        height, width = frame_HWC.shape[:2]
        faces: list[Face] = []
        for i, points in enumerate(result.face_landmarks):
            landmarks_N2 = np.array([(p.x * width, p.y * height) for p in points], np.float32)
            shapes = result.face_blendshapes[i] if self._blendshapes else None
            scores = None if shapes is None else np.array([s.score for s in shapes], np.float32)
            face = Face.from_landmarks(landmarks_N2, (width, height), scores)
            if face.confidence > 0 and not any(_same(face, other) for other in faces):
                faces.append(face)
        return faces

    def reset(self) -> None:
        """Forget the faces seen so far: after a scene cut, or for the next video."""
        self.close()
        self._start()

    def close(self) -> None:
        """Free the native graph."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(self._model_path)),
            running_mode=vision.RunningMode.VIDEO,
            num_faces=self._max_faces,
            output_face_blendshapes=self._blendshapes,
        )
        with _without_startup_noise():
            self._landmarker = vision.FaceLandmarker.create_from_options(options)
            # The graph's threads go on talking until the first picture has passed through.
            blank = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, np.zeros((64, 64, 3), np.uint8))
            self._landmarker.detect_for_video(blank, 0)
        # MediaPipe's own __del__ fails when the interpreter is on its way out.
        self._finalizer = weakref.finalize(self, self._landmarker.close)
        self._last_ms = 0


def _same(a: Face, b: Face) -> bool:
    size = min(a.box[3] - a.box[1], b.box[3] - b.box[1])
    return float(np.linalg.norm(a.landmarks_N2 - b.landmarks_N2, axis=1).mean()) < _DOUBLE * size


def _import_mediapipe() -> Any:
    try:
        import mediapipe
        from mediapipe.tasks.python import vision  # noqa: F401  loads the native library
    except (ImportError, OSError) as error:
        raise MissingDependency(
            f"MediaPipe cannot be loaded ({error}); pip install mediapipe, "
            "and on Debian or Ubuntu: apt-get install libegl1 libgles2 libgl1"
        ) from error
    return mediapipe


@contextmanager
def _without_startup_noise() -> Iterator[None]:
    """Take the native library's known start-up lines off stderr; every other line is passed on, in any case."""
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            for line in held:
                if not any(noise in line for noise in _NOISE):
                    os.write(2, line)
