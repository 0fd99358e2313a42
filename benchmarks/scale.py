"""Measure memory and start-up against the number of inputs: preparing them, and reading their manifest for training.

    python benchmarks/scale.py [--prepare 1000 10000 100000] [--read 10000 100000 1000000] [--seal 400] [--out FOLDER]

`prepare` makes shards of tiny inputs; the per-file work is a stub that takes no time, so that everything else shows:
`s_1000_inputs` is the time for 1000 of them, `resume_s` the time that the finished corpus takes to be found finished.
`seal` makes shards of so many MiB of finished videos, 4 MiB each: `mb_per_cpu_s` is the rate of one process, which all
workers share. `read` opens a manifest with one clip a line as training does, and draws from the first epoch: `start_s`
is the time to the first draw. Each row is a process of its own. `peak_mib` is its peak memory above that of the
imports, and `bytes_each` the slope between the rows. Times are CPU seconds, which a busy machine changes less.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from machine import device_name, report

from npvf.data.datasets import TrainingClips, Windows
from npvf.data.sampling import EpochSampler
from npvf.data.selection import Selection
from npvf.data.stored import StoredClips
from npvf.data.transforms import ClipTransform
from npvf.io.files import atomic_write, write_json, write_lines
from npvf.io.shards import Sample, clip_key, write_tar
from npvf.io.sources import Source
from npvf.models import InputSpec
from npvf.prepare import run
from npvf.prepare.ledger import Line, work_path
from npvf.prepare.manifest import Store
from npvf.prepare.run import _blank_line

DRAWS = 1000


def main() -> None:
    """Measure both, each number of inputs in a new process, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prepare", nargs="*", type=int, default=[1000, 10_000, 100_000])
    parser.add_argument("--read", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--seal", nargs="*", type=int, default=[400])
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    measures = {"prepare": (preparing, args.prepare), "seal": (sealing, args.seal), "read": (reading, args.read)}
    for name, (measure, counts) in measures.items():
        if counts:
            report(rows(measure, counts), args.out / f"scale-{name}-{device_name()}.csv")


def rows(measure: Callable[[int, Path], dict[str, float]], counts: list[int]) -> list[dict[str, Any]]:
    """Return a row for each count, with the peak memory and its slope."""
    found: list[dict[str, Any]] = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, get_context("spawn")) as pool:
            figures, peak = pool.submit(_with_peak, measure, count, Path(folder)).result()
        slope = 2**20 * (peak - found[-1]["peak_mib"]) / (count - found[-1]["inputs"]) if found else None
        rounded = {key: round(value, 3) for key, value in figures.items()}
        found.append({"inputs": count, **rounded, "peak_mib": round(peak, 1), "bytes_each": slope and round(slope)})
    return found


def preparing(count: int, folder: Path) -> dict[str, float]:
    """Prepare tiny files with a stub in the place of the per-file work, then find them finished."""
    src, out = folder / "src", folder / "out"
    for number in range(count):
        path = src / f"{number // 1000:04d}" / f"{number:07d}.mp4"
        if number % 1000 == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(b"%d" % number)
    run.need_face_model = lambda: None
    run.prepare_video = stub
    os.fsync = lambda _: None
    began = time.process_time()
    made = run.prepare(src, out, workers=0, shard_bytes=16 * 2**20)
    middle = time.process_time()
    assert made.dataset["clips"] == count and run.prepare(src, out, workers=0).new == 0
    return {"s_1000_inputs": 1000 * (middle - began) / count, "resume_s": time.process_time() - middle}


def sealing(megabytes: int, folder: Path) -> dict[str, float]:
    """Make shards of finished videos of 4 MiB each."""
    video = os.urandom(4 * 2**20)
    sources = [Source(f"{number:06d}.mp4", folder / "missing") for number in range(megabytes // 4)]
    with Store(folder / "out", {}) as store:
        store.resume(sources)
        lines = [stub(source, None, store.work, video) for source in sources]
        began = time.process_time()
        for line in lines:
            store.add(line)
        store.finish({}, complete=True)
    return {"mb_per_cpu_s": megabytes / (time.process_time() - began)}


def stub(source: Source, settings: object, work: Path, video: bytes = b"tiny") -> Line:
    """Stand in for `prepare_video`: one clip, by default of a few bytes."""
    place, key = work_path(work, source.video), clip_key(source.video, 0, 0)
    with atomic_write(place.with_suffix(".tar")) as file:
        write_tar(file, [_sample(key, video)])
    known = {"status": "prepared", "seconds": 10.0, "frames": 250, "phone_source": "recogniser", "clips": [key]}
    line = {**_blank_line(source), **known, "sha256": f"{hash(key) % 2**256:064x}"}
    write_json(place.with_suffix(".json"), line)
    return line


def reading(count: int, folder: Path) -> dict[str, float]:
    """Open a manifest for training and draw the first clips of an epoch."""
    _write_corpus(count, folder)
    began = time.process_time()
    clips = StoredClips([str(folder)], Selection())
    read = time.process_time()
    training = TrainingClips(clips, Windows(ClipTransform(InputSpec())))
    draws = iter(EpochSampler(len(training)))
    places = {int(training.indices[next(draws).place]) for _ in range(DRAWS)}
    assert len(places) > DRAWS // 4
    return {"lines_s": read - began, "start_s": time.process_time() - began}


def _write_corpus(count: int, folder: Path) -> None:
    """A manifest as `npvf prepare` writes it, of clips of 10 s in shards of 128; the shards do not exist."""
    shards = [f"shard-{number:06d}.tar" for number in range(-(-count // 128))]
    write_json(folder / "dataset.json", {"complete": True, "shards": shards, "clips": count, "hours": count / 360})
    blank = _blank_line(Source("", Path("/dev/null")))
    write_lines(folder / "manifest.jsonl", (_line(blank, number, shards) for number in range(count)))


def _line(blank: Line, number: int, shards: list[str]) -> Line:
    video = f"id{number // 100:05d}/{number:08d}.mp4"
    said = {"offset": number % 128 * 2**20, "size": 2**20, "sha256": f"{number:064x}", "mask": False, "track": 0}
    labels = dict.fromkeys(("label", "audio_label", "video_label"))
    said |= {"span": [0.0, 10.0], "is_speaker": True, "no_sound": None, **labels}
    known = {"status": "prepared", "clips": [clip_key(video, 0, 0)], "samples": [said], "shard": shards[number // 128]}
    return {**blank, "video": video, "sha256": f"{number:064x}", "seconds": 10.0, "faces": 1, **known}


def _sample(key: str, video: bytes) -> Sample:
    parts = ("audio.flac", "track.npz", "phones.json")
    meta = {"span": [0.0, 10.0], "track": 0, "is_speaker": True}
    return Sample(
        {"__key__": key, "face.mp4": video, **dict.fromkeys(parts, b"tiny"), "meta.json": json.dumps(meta).encode()}
    )


def _with_peak(measure: Callable[[int, Path], dict[str, float]], count: int, folder: Path) -> tuple[Any, float]:
    before = _peak()
    figures = measure(count, folder)
    return figures, _peak() - before


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
