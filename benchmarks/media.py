"""Measure decoding: a video as a stream, and random pieces of stored face crops against seeking in the video.

    python benchmarks/media.py VIDEO... [--pieces 50] [--out .]

Prints one table and writes `media-<device>.csv`. One thread, and CPU time: a busy machine does not change the figures.
"""

from __future__ import annotations

import argparse
import csv
import platform
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from npvf.clip import CROP_SIZE, FPS, SEGMENT_FRAMES
from npvf.media import decode_crops, encode_crops, iter_frames, probe

COLUMNS = ("video", "what", "frames", "fps", "ms_per_piece", "bytes_per_frame")


def measure(path: Path, name: str, pieces: int) -> Iterator[tuple]:
    """One row for each way to get at the pictures of one video."""
    frames = [_crop(frame) for frame in iter_frames(path)]
    face_THWC = np.stack(frames)
    started = time.process_time()
    data = encode_crops(face_THWC)
    encoding = time.process_time() - started
    count, size = len(frames), len(data) / len(frames)
    yield name, "crops: encode", count, round(count / encoding), None, round(size)
    yield name, "video: stream", count, round(count / _seconds(lambda: sum(1 for _ in iter_frames(path)))), None, None
    yield name, "crops: whole", count, round(count / _seconds(lambda: len(decode_crops(data)))), None, round(size)

    dice = random.Random(0)
    starts = [dice.randrange(count - SEGMENT_FRAMES + 1) for _ in range(pieces)]
    ways: dict[str, Callable[[int], object]] = {
        "video: random segments": lambda k: list(
            iter_frames(path, start=k / FPS, end=(k + SEGMENT_FRAMES) / FPS),
        ),
        "crops: random segments": lambda k: decode_crops(data, k, SEGMENT_FRAMES),
    }
    for what, piece in ways.items():
        taken = _seconds(lambda piece=piece: [piece(k) for k in starts])  # type: ignore[misc]
        rate = round(pieces * SEGMENT_FRAMES / taken)
        yield name, what, pieces * SEGMENT_FRAMES, rate, round(1000 * taken / pieces, 1), None


def _crop(frame: np.ndarray) -> np.ndarray:
    """The middle of the picture, as large as a face crop."""
    step = max(1, min(frame.shape[:2]) // CROP_SIZE)
    small = frame[::step, ::step]
    top, left = ((side - CROP_SIZE) // 2 for side in small.shape[:2])
    return small[top : top + CROP_SIZE, left : left + CROP_SIZE]


def _seconds(action: Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


def _device() -> str:
    """The processor's own name where the system tells it."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    name = found.group(1) if found else platform.processor() or platform.machine()
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()


def main() -> None:
    """Measures each video and reports."""
    parser = argparse.ArgumentParser(description="Speed of decoding videos and stored face crops.")
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--pieces", type=int, default=50, help="random segments of 24 frames for each video")
    parser.add_argument("--out", type=Path, default=Path(), help="folder of the CSV file")
    args = parser.parse_args()
    rows = []
    for number, path in enumerate(args.videos):
        video = probe(path).video
        assert video is not None, f"{path} has no video"
        rows += measure(path, f"{number} {video.codec} {video.width}x{video.height}", args.pieces)
    table = Table(title=_device())
    for column in COLUMNS:
        table.add_column(column.replace("_", " "), no_wrap=column in COLUMNS[:2])
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    Console().print(table)
    target = args.out / f"media-{_device()}.csv"
    with target.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    Console().print(f"written: {target}")


if __name__ == "__main__":
    main()
