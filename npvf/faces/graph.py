"""MediaPipe's FaceLandmarker as one function from a frame to faces, without its messages."""

from __future__ import annotations

import signal
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from npvf.errors import MissingDependency
from npvf.faces.backend import Found, without_startup_noise


def _let_python_ignore_sigprof() -> None:
    """Keep MediaPipe's profiling timers from killing the process.

    They send SIGPROF. MediaPipe's native code ignores it, but Python does not know this: code that restores Python's
    signal handlers, as Lightning does after training, would restore the default, which ends the process.
    """
    known = hasattr(signal, "SIGPROF") and signal.getsignal(signal.SIGPROF) is signal.SIG_DFL
    if known and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGPROF, signal.SIG_IGN)


class LandmarkGraph:
    """One running FaceLandmarker, in VIDEO mode, or in IMAGE mode for unrelated images.

    Args:
        model_path: the `face_landmarker.task` file.
        max_faces: the largest number of faces in a frame.
        video: VIDEO mode.
        blendshapes: also measure the 52 expression coefficients.
        sure: the smallest confidence of the detector, [0, 1].

    Raises:
        MissingDependency: the package, or a system library that it needs, is absent.
    """

    def __init__(
        self, model_path: Path, max_faces: int, video: bool, blendshapes: bool = False, sure: float = 0.5
    ) -> None:
        self._mediapipe, vision, base_options = _import_mediapipe()
        self._vision, self._options = (
            vision,
            vision.FaceLandmarkerOptions(
                base_options=base_options(model_asset_path=str(model_path)),
                running_mode=vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE,
                num_faces=max_faces,
                min_face_detection_confidence=sure,
                output_face_blendshapes=blendshapes,
            ),
        )
        self._video = video
        self._start()

    def detect(self, image_HWC: np.ndarray, milliseconds: int = 0) -> list[Found]:
        """Return the faces of an image. In VIDEO mode the times must increase from call to call, and start above 0."""
        image = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, np.ascontiguousarray(image_HWC))
        if self._video:
            result = self._landmarker.detect_for_video(image, milliseconds)
        else:
            result = self._landmarker.detect(image)
        size = np.array(image_HWC.shape[1::-1], np.float32)
        landmarks = [np.array([(p.x, p.y) for p in points], np.float32) * size for points in result.face_landmarks]
        if not result.face_blendshapes:
            return [Found(landmarks_N2) for landmarks_N2 in landmarks]
        scores = [np.array([c.score for c in face], np.float32) for face in result.face_blendshapes]
        return [Found(*found) for found in zip(landmarks, scores, strict=True)]

    def reset(self) -> None:
        """Start a new graph, which costs as much as some frames."""
        self.close()
        self._start()

    def close(self) -> None:
        """Free the native graph."""
        self._end()

    def _start(self) -> None:
        with without_startup_noise():
            self._landmarker = self._vision.FaceLandmarker.create_from_options(self._options)
            self._end = weakref.finalize(self, _free, self._landmarker)
            # The threads of the graph write messages until the first frame is done.
            self.detect(np.zeros((64, 64, 3), np.uint8), 0)
        _let_python_ignore_sigprof()


def _free(landmarker: Any) -> None:
    if threading.main_thread().is_alive():
        landmarker.close()
    else:
        # The interpreter is shutting down and MediaPipe's thread has ended: closing would print an error.
        landmarker._handle = None


def _import_mediapipe() -> tuple[Any, Any, Any]:
    try:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    except (ImportError, OSError) as error:
        raise MissingDependency(
            f"MediaPipe cannot be loaded ({error}); pip install mediapipe, "
            "and on Debian or Ubuntu: apt-get install libegl1 libgles2 libgl1"
        ) from error
    return mediapipe, vision, BaseOptions
