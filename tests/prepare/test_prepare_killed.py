"""Real processes and real SIGKILLs; `benchmarks/kills.py` does the same with real videos."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.kills import after, hashes, kill_often

pytestmark = pytest.mark.slow

MAIN = Path(__file__).parents[1] / "helpers" / "killed_main.py"


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_at_random_moments_it_makes_the_same_corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_INGEST_SECONDS", "0.05")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(MAIN.parents[2]), *filter(None, sys.path)]))
    (tmp_path / "src").mkdir()
    for n in range(40):
        (tmp_path / "src" / f"{n:02d}.mp4").write_text("no_face" if n % 7 == 3 else f"{n % 3 + 1} {n}")

    def command(out):
        arguments = ["prepare", str(tmp_path / "src"), str(tmp_path / out), "--workers", "2", "--shard-mb", "0.2"]
        return [sys.executable, str(MAIN), *arguments]

    began = time.monotonic()
    subprocess.run(command("whole"), check=True)
    seconds = time.monotonic() - began  # machines differ: a kill that comes too late hits nothing
    rng = random.Random(0)
    hit = kill_often(
        command("killed"),
        (False, True, False),
        lambda process: after(rng.uniform(0.3 * seconds, 0.8 * seconds))(process),
    )
    subprocess.run(command("killed"), check=True)
    assert hit >= 1
    assert hashes(tmp_path / "killed") == hashes(tmp_path / "whole")
