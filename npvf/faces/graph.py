"""MediaPipe's FaceLandmarker as one function from a frame to faces, without its messages."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from npvf.errors import MissingDependency

# The messages of MediaPipe's native code at each start. Every other line is passed on.
_NOISE = (
    b"WARNING: Logging before InitGoogle()",
    b"INFO: Created TensorFlow Lite XNNPACK delegate",
    b"face_landmarker_graph.cc",
    b"inference_feedback_manager.cc",
)


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
        options = vision.FaceLandmarkerOptions(
            base_options=base_options(model_asset_path=str(model_path)),
            running_mode=vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE,
            num_faces=max_faces,
            min_face_detection_confidence=sure,
            output_face_blendshapes=blendshapes,
        )
        self._video = video
        with _without_startup_noise():
            self._landmarker = vision.FaceLandmarker.create_from_options(options)
            self.close = weakref.finalize(self, _free, self._landmarker)
            # The threads of the graph write messages until the first frame is done.
            self.detect(np.zeros((64, 64, 3), np.uint8), 0)
        _let_python_ignore_sigprof()

    def detect(self, image_HWC: np.ndarray, milliseconds: int = 0) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """Return landmarks (478, 2) float32 in pixels, and blendshapes (52,) or None, of each face.

        In VIDEO mode the times must increase from call to call, and start above 0.
        """
        image = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, np.ascontiguousarray(image_HWC))
        if self._video:
            result = self._landmarker.detect_for_video(image, milliseconds)
        else:
            result = self._landmarker.detect(image)
        size = np.array(image_HWC.shape[1::-1], np.float32)
        landmarks = [np.array([(p.x, p.y) for p in points], np.float32) * size for points in result.face_landmarks]
        if not result.face_blendshapes:
            return [(landmarks_N2, None) for landmarks_N2 in landmarks]
        scores = [np.array([c.score for c in face], np.float32) for face in result.face_blendshapes]
        return list(zip(landmarks, scores, strict=True))


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


@contextmanager
def _without_startup_noise() -> Iterator[None]:
    """Remove the known start-up lines of the native library from stderr; every other line is passed on."""
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
