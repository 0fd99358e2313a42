"""Parts of both landmark backends: the face that they return, and a start without their native code's messages.

`litert` runs MediaPipe's networks by our own code (`npvf.faces.litert`); `mediapipe` is MediaPipe's own FaceLandmarker
(`npvf.faces.graph`), an extra: the reference that tests compare with.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple, Protocol

import numpy as np

Backend = Literal["litert", "mediapipe"]

# The messages of the native code at each start. Every other line is passed on.
_NOISE = (
    b"WARNING: Logging before InitGoogle()",
    b"INFO: Created TensorFlow Lite XNNPACK delegate",
    b"face_landmarker_graph.cc",
    b"inference_feedback_manager.cc",
)


class Found(NamedTuple):
    """One face in an image.

    Attributes:
        landmarks_N2: (478, 2) float32, in pixels.
        blendshapes: (52,) float32, or None if they were not asked for.
        presence: the network's probability that this is a face, [0, 1]; None if the backend does not return it.
    """

    landmarks_N2: np.ndarray
    blendshapes: np.ndarray | None = None
    presence: float | None = None


class Graph(Protocol):
    """A function from frames to faces, which knows the faces of the last frame."""

    def detect(self, image_HWC: np.ndarray, milliseconds: int = 0) -> list[Found]:
        """Return the faces of an image (H, W, 3) uint8 RGB. In a video, times increase and start above 0."""

    def reset(self) -> None:
        """Forget the faces of the last frame; the next frame may have any time."""

    def close(self) -> None:
        """Free native memory."""


@contextmanager
def without_startup_noise() -> Iterator[None]:
    """Remove the known start-up lines of the native libraries from stderr; every other line is passed on."""
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
