"""A small sample of what `benchmarks/hostile.py` does with a thousand copies of real files."""

import csv
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from npvf.clip import SAMPLE_RATE
from npvf.media.encode import write_video
from tests.helpers.astronaut import scene, with_head

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_damaged_copies_are_prepared_right_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))  # as for a script, whose folder is where it imports from
    hostile = import_module("hostile")
    clip, number = tmp_path / "a.mp4", 2 * len(hostile.DAMAGE)
    audio_N = np.random.default_rng(0).normal(0, 0.1, 2 * SAMPLE_RATE).astype(np.float32)
    write_video(clip, [with_head(scene(320, 240), 40 + k, 10) for k in range(30)], audio=audio_N)
    words = ["hostile.py", str(clip), "--variants", str(number), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    hostile.main()
    with (tmp_path / "hostile.csv").open(encoding="utf-8", newline="") as file:
        ends = {row["end"]: int(row["all"]) for row in csv.DictReader(file)}
    assert sum(ends.values()) == number
    assert not ends.keys() & {"died", "late", "failed", "garbage"}
    assert ends["undecodable"] >= number // 2
