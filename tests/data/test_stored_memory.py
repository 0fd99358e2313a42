"""Memory for a corpus that is read from its shards; `benchmarks/scale.py` measures the same with a million clips."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

from npvf.data.datasets import TrainingClips, Windows
from npvf.data.sampling import EpochSampler
from npvf.data.selection import Selection
from npvf.data.stored import StoredClips
from npvf.data.transforms import ClipTransform
from npvf.models import InputSpec


def write_manifest(folder: Path, count: int) -> None:
    """One clip of 10 s a line, in shards that do not exist."""
    (folder / "dataset.json").write_text(json.dumps({"complete": True, "shards": ["a.tar"], "clips": count}))
    with (folder / "manifest.jsonl").open("w") as file:
        for n in range(count):
            place = {"offset": n << 20, "size": 1 << 20, "mask": False, "track": 0, "span": [0, 10], "is_speaker": True}
            labels = dict.fromkeys(("no_sound", "label", "audio_label", "video_label"))
            line = {"video": f"{n}.mp4", "clips": [f"{n}"], "samples": [place | labels], "shard": "a.tar"}
            file.write(json.dumps({**line, "sha256": "", "identities": [], "faces": 1, "filler": "x" * 500}) + "\n")


def test_a_clip_takes_less_memory_than_a_tenth_of_its_line(tmp_path: Path) -> None:
    write_manifest(tmp_path, 4000)
    tracemalloc.start()
    try:
        clips = StoredClips([str(tmp_path)], Selection())
        training = TrainingClips(clips, Windows(ClipTransform(InputSpec())))
        draws = iter(EpochSampler(len(training)))
        place = int(training.indices[next(draws).place])
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 <= place < len(clips) == 4000 and len(training) == 3 * 4000  # three windows of 72 frames in 10 s
    fixed = 150_000  # whatever the number of clips: the code of a first import, buffers
    assert held < fixed + 70 * 4000 and peak < fixed + 130 * 4000
