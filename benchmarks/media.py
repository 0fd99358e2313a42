"""Measure decoding: a video as a stream, and random pieces of stored face crops against seeking in the video.

    python benchmarks/media.py VIDEO... [--pieces 50] [--out .]

Prints one table and writes `media-<device>.csv`. One thread, and CPU time: a busy machine does not change the figures.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import device_name, report, seconds

from npvf.clip import CROP_SIZE, FPS, SEGMENT_FRAMES
from npvf.media import decode_crops, encode_crops, iter_frames, probe


def measure(path: Path, name: str, pieces: int) -> Iterator[dict[str, Any]]:
    """One row for each way to get at the frames of one video."""
    face_THWC = np.stack([_crop(frame) for frame in iter_frames(path)])
    count, data = len(face_THWC), encode_crops(face_THWC)
    whole: dict[str, Callable[[], object]] = {
        "crops: encode": lambda: encode_crops(face_THWC),
        "video: stream": lambda: sum(1 for _ in iter_frames(path)),
        "crops: whole": lambda: decode_crops(data),
    }
    for way, action in whole.items():
        size = round(len(data) / count) if way.startswith("crops") else None
        yield _row(name, way, count, seconds(action)) | {"bytes_per_frame": size}

    dice = random.Random(0)
    starts = [dice.randrange(count - SEGMENT_FRAMES + 1) for _ in range(pieces)]
    by_piece: dict[str, Callable[[int], object]] = {
        "video: random segments": lambda k: list(iter_frames(path, start=k / FPS, end=(k + SEGMENT_FRAMES) / FPS)),
        "crops: random segments": lambda k: decode_crops(data, k, SEGMENT_FRAMES),
    }
    for way, piece in by_piece.items():
        taken = seconds(lambda piece=piece: [piece(k) for k in starts])  # type: ignore[misc]
        yield _row(name, way, pieces * SEGMENT_FRAMES, taken) | {"ms_per_piece": round(1000 * taken / pieces, 1)}


def _row(video: str, way: str, frames: int, taken: float) -> dict[str, Any]:
    figures = {"frames": frames, "fps": round(frames / taken), "ms_per_piece": None, "bytes_per_frame": None}
    return {"way": f"{video}, {way}", **figures}


def _crop(frame: np.ndarray) -> np.ndarray:
    """The middle of the frame, as large as a face crop."""
    step = max(1, min(frame.shape[:2]) // CROP_SIZE)
    small = frame[::step, ::step]
    top, left = ((side - CROP_SIZE) // 2 for side in small.shape[:2])
    return small[top : top + CROP_SIZE, left : left + CROP_SIZE]


def main() -> None:
    """Measure each video and report."""
    parser = argparse.ArgumentParser(description="Speed of decoding videos and stored face crops.")
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--pieces", type=int, default=50, help="random segments of 24 frames for each video")
    parser.add_argument("--out", type=Path, default=Path(), help="folder of the CSV file")
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for number, path in enumerate(args.videos):
        video = probe(path).video
        assert video is not None, f"{path} has no video"
        rows += measure(path, f"{number} {video.codec} {video.width}x{video.height}", args.pieces)
    report(rows, args.out / f"media-{device_name()}.csv")


if __name__ == "__main__":
    main()
