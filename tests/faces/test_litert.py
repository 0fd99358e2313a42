"""LiteRT with our own steps gives the faces of MediaPipe's FaceLandmarker."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from npvf.faces.backend import Found
from npvf.faces.landmarks import Landmarker
from npvf.faces.litert import LiteRTGraph, Networks
from npvf.faces.model_file import need_face_model
from npvf.media import iter_frames
from tests.helpers.astronaut import scene, with_head

graph = pytest.importorskip("npvf.faces.graph")
pytest.importorskip("mediapipe", reason="the reference needs MediaPipe")

MOST = 4
CLIPS = (
    "grid/s1/bbaf2n.mpg",
    "wild/address_1.mp4",
    "wild/portrait_1.mp4",
    "wild/pose_reference.mp4",
    "wild/broadcast_1.mp4",
    "wild/retalking_1.mp4",
    "wild/driving_d10.mp4",
)


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks(need_face_model())


def heads() -> Iterator[np.ndarray]:
    """Two heads that turn and move in a frame that is wider than high."""
    for k in range(6):
        frame = with_head(with_head(scene(640, 360), 20, 60), 380 + 4 * k, 100, mirrored=True)
        turned = cv2.getRotationMatrix2D((320.0, 180.0), 3.0 * k, 1.0)
        yield cv2.warpAffine(frame, turned, (640, 360), borderMode=cv2.BORDER_REFLECT)


def heads_at_the_edge() -> Iterator[np.ndarray]:
    """A head that leaves a frame that is higher than wide: both the detector and the landmark network see padding."""
    for k in range(6):
        yield with_head(scene(260, 460), -8 * k, 150)


@pytest.mark.slow
@pytest.mark.parametrize("frames", [heads, heads_at_the_edge])
@pytest.mark.parametrize("video", [True, False])
def test_faces_are_mediapipes(networks: Networks, frames: Callable[[], Iterator[np.ndarray]], video: bool) -> None:
    ours = LiteRTGraph(networks, MOST, video, blendshapes=True)
    theirs = graph.LandmarkGraph(need_face_model(), MOST, video, blendshapes=True)
    distances = agreement(frames(), ours, theirs)
    assert len(distances) >= 6
    assert np.mean(distances) < 0.05 and np.max(distances) < 0.6


@pytest.mark.slow
def test_when_there_are_enough_faces_they_are_followed_without_the_detector(networks: Networks) -> None:
    ours = LiteRTGraph(networks, 2, video=True)
    theirs = graph.LandmarkGraph(need_face_model(), 2, video=True)
    distances = agreement(heads(), ours, theirs)
    assert len(distances) == 12
    assert np.mean(distances) < 0.1 and np.max(distances) < 0.6


def test_a_face_is_present(networks: Networks) -> None:
    (face,) = LiteRTGraph(networks, MOST, video=False).detect(with_head(scene(400, 400), 50, 60))
    assert face.presence is not None and 0.99 < face.presence <= 1


def test_reset_forgets_the_last_frame(networks: Networks) -> None:
    """Without it the landmark network goes on where it saw a face last."""
    ours = LiteRTGraph(networks, MOST, video=True)
    frame = with_head(scene(400, 400), 50, 60)
    first = ours.detect(frame)[0].landmarks_N2
    ours.detect(with_head(scene(400, 400), 120, 60))
    ours.reset()
    np.testing.assert_array_equal(ours.detect(frame)[0].landmarks_N2, first)


def test_more_threads_give_the_same_landmarks() -> None:
    threads = cv2.getNumThreads()
    found = []
    try:
        for count in (1, 2):  # worker processes have one, and everybody else two
            cv2.setNumThreads(count)
            networks = Networks(need_face_model())
            found.append([face.landmarks_N2 for face in LiteRTGraph(networks, MOST, video=False).detect(next(heads()))])
    finally:
        cv2.setNumThreads(threads)
    assert len(found[0]) == 2
    np.testing.assert_array_equal(*found)


@pytest.mark.slow
def test_a_landmarker_loads_no_mediapipe() -> None:
    """Importing it takes two seconds."""
    code = (
        "import sys, numpy as np\n"
        "from npvf.faces.landmarks import Landmarker\n"
        "with Landmarker() as landmarker:\n"
        "    landmarker.detect(np.zeros((64, 64, 3), np.uint8), 0.0)\n"
        "print([name for name in ('mediapipe', 'matplotlib') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.slow
def test_both_backends_give_a_landmarker_the_same_faces() -> None:
    frames = [with_head(scene(1280, 720), 60 + 3 * k, 40, scale=0.85) for k in range(3)]
    found = []
    for backend in ("litert", "mediapipe"):
        with Landmarker(backend=backend) as landmarker:
            found.append([landmarker.detect(frame, k / 25)[0] for k, frame in enumerate(frames)])
    for ours, theirs in zip(*found, strict=True):
        assert np.abs(ours.landmarks_N2 - theirs.landmarks_N2).max() < 0.5
        assert ours.presence is not None and theirs.presence is None


@pytest.mark.slow
@pytest.mark.skipif("NPVF_CLIPS" not in os.environ, reason="NPVF_CLIPS names no folder of real clips")
@pytest.mark.parametrize("clip", CLIPS)
def test_real_faces_are_mediapipes(networks: Networks, clip: str) -> None:
    path = Path(os.environ["NPVF_CLIPS"]) / clip
    if not path.exists():
        pytest.skip(f"{clip} is not in NPVF_CLIPS")
    ours = LiteRTGraph(networks, 10, video=True)
    theirs = graph.LandmarkGraph(need_face_model(), 10, video=True)
    distances = np.concatenate(agreement(islice(iter_frames(path), 20), ours, theirs))
    assert distances.mean() < 0.05 and np.quantile(distances, 0.95) < 0.2


def agreement(frames: Iterable[np.ndarray], ours, theirs) -> list[np.ndarray]:
    """Check that both find the same faces in the same order. Return the distances (478,) in pixels of each face."""
    distances = []
    for k, frame in enumerate(frames):
        found, expected = ours.detect(frame, 40 * k + 1), theirs.detect(frame, 40 * k + 1)
        assert len(found) == len(expected), f"frame {k}"
        for face, reference in zip(found, expected, strict=True):
            distances.append(np.linalg.norm(face.landmarks_N2 - reference.landmarks_N2, axis=1))
            check_expression(face, reference)
    return distances


def check_expression(face: Found, reference: Found) -> None:
    if reference.blendshapes is None:
        assert face.blendshapes is None
    else:
        np.testing.assert_allclose(face.blendshapes, reference.blendshapes, atol=0.01)
