"""Damage real files in many ways, prepare each in a process of its own, and count how they end.

    python benchmarks/hostile.py CLIP... [--variants 1000] [--seconds 60] [--seed 0] [--out docs/results]

Each variant is a copy of a clip with seeded damage: an end cut off, bits flipped (in the whole file or in its first
kilobytes), blocks zeroed, removed, exchanged or filled with noise, or sizes in the header set to large numbers. A
variant must end as a line of the manifest within the limits of time and memory. A process that dies or is late counts
as `died` or `late`. What was prepared is compared with the clip's own crops and audio at the same time: `garbage`
are variants with clips of which fewer than `--like` of the frames look like one of the undamaged clip's.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from machine import report

from npvf.faces.cuts import correlation, thumbnail
from npvf.io.shards import decode_clip, read_tar
from npvf.io.sources import Source
from npvf.prepare.ingest import IngestSettings
from npvf.prepare.ledger import work_path
from npvf.prepare.pool import Done, Failed, Limits, Outcome, TimedOut, run_tasks
from npvf.prepare.run import prepare_video

SETTINGS = IngestSettings(phones="voice_activity")
HEADER = 4096
ALIKE = 0.9  # correlation of thumbnails of two crops of the same frame


def main() -> None:
    """Prepare the clips, then their variants; print counts by damage and end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--variants", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0, help="time limit of a file")
    parser.add_argument("--memory", type=float, default=4.0, help="memory limit in GiB")
    parser.add_argument("--like", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    limits = Limits(args.seconds, round(args.memory * 2**30))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / ".work"
        work.mkdir()
        function = partial(prepare_video, settings=SETTINGS, work=work)
        originals = {}
        for source, outcome in run_tasks(function, [Source(c.name, c) for c in args.clips], 1, limits):
            assert end_of(outcome) == "prepared", (source, outcome)
            originals[source.video] = crops_of(work, source)
        ends: dict[str, Counter[str]] = {}
        slowest = 0.0
        began = time.monotonic()
        tasks = variants(args.clips, args.variants, args.seed, Path(folder))
        for source, outcome in run_tasks(function, tasks, 1, limits):
            slowest, began = max(slowest, time.monotonic() - began), time.monotonic()
            _, damage, name = source.video.split("~", 2)
            end = end_of(outcome)
            if end == "prepared" and share_alike(crops_of(work, source), originals[name]) < args.like:
                end = "garbage"
            ends.setdefault(damage, Counter())[end] += 1
            if end in ("died", "late", "failed", "garbage"):
                print(source.video, end, getattr(outcome, "trace", outcome) if end != "garbage" else "", flush=True)
            source.path.unlink()
            work_path(work, source.video).with_suffix(".tar").unlink(missing_ok=True)
    kinds = sorted({end for counts in ends.values() for end in counts})
    rows: list[dict[str, Any]] = [{"end": kind, **{name: ends[name][kind] for name in sorted(ends)}} for kind in kinds]
    for row in rows:
        row["all"] = sum(count for name, count in row.items() if name != "end")
    report(rows, args.out / "hostile.csv")
    print(f"the slowest took {slowest:.1f} s")


def variants(clips: list[Path], number: int, seed: int, folder: Path) -> Iterator[Source]:
    """Write one damaged file after the other; its name is number~damage~clip."""
    random = np.random.default_rng(seed)
    kinds = sorted(DAMAGE)
    for k in range(number):
        clip, damage = clips[k % len(clips)], kinds[k // len(clips) % len(kinds)]
        data = bytearray(clip.read_bytes())
        data = DAMAGE[damage](data, random)
        name = f"{k:04d}~{damage}~{clip.name}"
        path = folder / name
        path.write_bytes(data)
        yield Source(name, path)


def end_of(outcome: Outcome) -> str:
    """Return the refusal code, "prepared", or how the process ended."""
    if isinstance(outcome, Failed):
        return "failed"
    if not isinstance(outcome, Done):
        return "late" if isinstance(outcome, TimedOut) else "died"
    line: Any = outcome.value
    if isinstance(line, Exception):
        return "failed"
    json.dumps(line)  # the line can be written
    assert line["status"] == "prepared" or line["sentence"], line
    return "prepared" if line["status"] == "prepared" else str(line["reason"])


def crops_of(work: Path, source: Source) -> dict[int, np.ndarray]:
    """Return a thumbnail of a face at each frame of a prepared video; of several faces the one with the first track."""
    looks: dict[int, np.ndarray] = {}
    for sample in read_tar(work_path(work, source.video).with_suffix(".tar")):
        clip = decode_clip(sample)
        first = round(clip.meta.span[0] * 25)
        for k, crop in enumerate(clip.face_THWC):
            looks.setdefault(first + k, thumbnail(crop, (32, 32)))
    return looks


def share_alike(looks: dict[int, np.ndarray], original: dict[int, np.ndarray]) -> float:
    """Return the share of frames that look like a frame of the original within a second: time may have moved."""
    alike = 0
    for k, look in looks.items():
        near = [original[j] for j in range(k - 25, k + 26) if j in original]
        alike += max((correlation(look, other) for other in near), default=-1.0) > ALIKE
    return alike / len(looks)


def _flip(data: bytearray, random: np.random.Generator, bits: int, within: int) -> bytearray:
    for at in random.integers(0, min(within, len(data)), bits):
        data[at] ^= 1 << int(random.integers(8))
    return data


def _block(data: bytearray, random: np.random.Generator) -> slice:
    length = int(random.integers(1, max(2, len(data) // 8)))
    start = int(random.integers(0, len(data) - length))
    return slice(start, start + length)


def _replace(data: bytearray, random: np.random.Generator, make: Callable[[int], bytes]) -> bytearray:
    block = _block(data, random)
    data[block] = make(block.stop - block.start)
    return data


def _exchange(data: bytearray, random: np.random.Generator) -> bytearray:
    block = _block(data, random)
    moved = data[block]
    del data[block]
    at = int(random.integers(0, len(data)))
    data[at:at] = moved
    return data


def _large_sizes(data: bytearray, random: np.random.Generator) -> bytearray:
    for at in random.integers(0, HEADER, 4):
        data[at : at + 4] = b"\x7f\xff\xff\xff"
    return data


DAMAGE: dict[str, Callable[[bytearray, np.random.Generator], bytearray]] = {
    "cut": lambda data, random: data[: int(random.integers(0, len(data)))],
    "one_bit": lambda data, random: _flip(data, random, 1, len(data)),
    "many_bits": lambda data, random: _flip(data, random, 200, len(data)),
    "header_bits": lambda data, random: _flip(data, random, 20, HEADER),
    "large_sizes": _large_sizes,
    "zeroed": lambda data, random: _replace(data, random, bytes),
    "noise": lambda data, random: _replace(data, random, random.bytes),
    "removed": lambda data, random: _replace(data, random, lambda length: b""),
    "exchanged": _exchange,
}


if __name__ == "__main__":
    main()
