"""Freed memory is kept, on glibc, and MediaPipe does not mind."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from npvf.training import memory

ROOT = Path(__file__).parents[2]  # for `tests.helpers`
GLIBC = platform.libc_ver()[0] == "glibc"


def run(code: str) -> str:
    """What a process of its own prints, since the setting is for good."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, (done.returncode, done.stderr[-800:])
    return done.stdout.strip()


FAULTS = """
import ctypes, resource
from npvf.training.memory import keep_freed_memory
if KEEP:
    assert keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
def touch():
    block = libc.malloc(64 << 20)  # above the largest threshold that glibc reaches by itself
    ctypes.memset(block, 1, 64 << 20)
    libc.free(block)
touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not GLIBC, reason="the allocator is not glibc's")
def test_a_freed_block_is_used_again_without_page_faults() -> None:
    assert int(run(FAULTS.replace("KEEP", "False"))) > 16 * int(run(FAULTS.replace("KEEP", "True"))) + 16


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: pytest.fail("called a C library that is not glibc"))
    assert memory.keep_freed_memory() is False


TRACKS = """
import signal, time
import numpy as np
from npvf.training.memory import keep_freed_memory
keep_freed_memory()
import torch
from npvf.faces.landmarks import Landmarker
from tests.helpers.astronaut import scene, with_head
picture = with_head(scene(320, 320), 40, 40)
with Landmarker(backend="mediapipe") as landmarker:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if (handler := signal.getsignal(number)) is not None:
            signal.signal(number, handler)  # as Lightning does after training
    end, frame = time.process_time() + 1, 0
    while time.process_time() < end or frame < 4:
        (torch.ones(256, 1024, 64) * 2).sum()  # 64 MB, freed at once
        assert len(landmarker.detect(picture, frame / 25)) == 1
        frame += 1
print("tracked")
"""


@pytest.mark.slow
def test_mediapipe_tracks_beside_it_and_its_timers_do_not_end_the_process() -> None:
    """MediaPipe's timers send SIGPROF, whose default ends a process; that once looked like this setting's doing."""
    assert run(TRACKS) == "tracked"
