import subprocess
import sys

import numpy as np
import pytest

from npvf.faces.alignment import misfit
from npvf.faces.geometry import face_size
from npvf.faces.landmarks import Landmarker
from tests.helpers.astronaut import scene, with_head


def test_all_faces_are_found_whichever_comes_last(landmarker: Landmarker) -> None:
    """A known bug elsewhere: "the largest so far" is forgotten at each face, so that the last one is taken."""
    room = with_head(with_head(scene(640, 360), 20, 60), 400, 120, scale=0.7, mirrored=True)
    landmarker.reset()
    faces = sorted(landmarker.detect(room, 0.0), key=lambda face: face.box[0])
    large, small = faces
    assert large.height > 1.25 * small.height
    assert large.box[2] < small.box[0]
    assert max(faces, key=lambda face: face.height) is large


def test_a_face_has_its_landmarks_where_they_are(landmarker: Landmarker) -> None:
    landmarker.reset()
    (here,) = landmarker.detect(with_head(scene(400, 400), 50, 60), 0.0)
    landmarker.reset()
    (there,) = landmarker.detect(with_head(scene(400, 400), 140, 90), 0.0)
    assert here.landmarks_N2.shape == (478, 2) and here.landmarks_N2.dtype == np.float32
    assert here.confidence == 1.0
    assert misfit(here.landmarks_N2) < 0.3
    moved = there.landmarks_N2 - here.landmarks_N2
    np.testing.assert_allclose(np.median(moved, axis=0), (90, 30), atol=1.5)


@pytest.mark.parametrize("position", [(60, 40), (900, 300)])
def test_a_small_face_in_a_large_picture_is_found_and_followed(
    landmarker: Landmarker, position: tuple[int, int]
) -> None:
    landmarker.reset()
    for k in range(4):
        frame = with_head(scene(1280, 720), position[0] + 3 * k, position[1], scale=0.85)
        (face,) = landmarker.detect(frame, k / 25)
        assert 75 < face.height < 110


def test_an_empty_room_has_no_face(landmarker: Landmarker) -> None:
    landmarker.reset()
    assert landmarker.detect(scene(1280, 720), 0.0) == []
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    assert landmarker.detect(noise, 0.04) == []


def test_a_time_that_goes_back_starts_another_video(landmarker: Landmarker) -> None:
    frame = with_head(scene(320, 320), 40, 40)
    sizes = [float(face_size(landmarker.detect(frame, t)[0].landmarks_N2)) for t in (5.0, 5.04, 0.0, 0.0, 0.04)]
    assert max(sizes) / min(sizes) < 1.05


def test_blendshapes_on_demand() -> None:
    with Landmarker(blendshapes=True) as landmarker:
        (face,) = landmarker.detect(with_head(scene(320, 320), 40, 40), 0.0)
    assert face.blendshapes is not None and face.blendshapes.shape == (52,)
    assert face.blendshapes.min() >= 0 and face.blendshapes.max() > 0.3


@pytest.mark.slow
def test_stderr_stays_clean_but_for_what_others_write() -> None:
    code = (
        "import os, threading, numpy as np\n"
        "from npvf.faces.landmarks import Landmarker\n"
        "landmarker = Landmarker()\n"
        "os.write(2, b'mine\\n')\n"
        "landmarker.detect(np.zeros((64, 64, 3), np.uint8), 0.0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "mine\n"


@pytest.mark.slow
def test_restoring_the_signal_handlers_that_python_knows_of_does_not_kill(tmp_path):
    """MediaPipe's timers send SIGPROF; Lightning restores all handlers after training."""
    script = tmp_path / "restore.py"
    script.write_text(
        "import signal, time\n"
        "import numpy as np\n"
        "from npvf.faces.landmarks import Landmarker\n"
        "with Landmarker(backend='mediapipe') as landmarker:\n"
        "    known = {s: signal.getsignal(s) for s in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}}\n"
        "    for number, handler in known.items():\n"
        "        if handler is not None:\n"
        "            signal.signal(number, handler)\n"
        "    end = time.process_time() + 2\n"
        "    while time.process_time() < end:\n"
        "        landmarker.detect(np.zeros((256, 256, 3), np.uint8), time.process_time())\n"
        "print('alive')\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "alive", (done.returncode, done.stderr[-500:])
