"""Measure the time to judge a 10 s clip, from the video file to the verdict, stage by stage.

    python benchmarks/inference.py CLIP... [--models npv_nano npv_tiny] [--height 720]

The clips' pictures and sound are joined, repeated and cut to 10 s in one MP4 file. Weights are random: they cost what
trained ones cost. Each model judges the file `--repeats` times and the median run is reported; what the first one
pays beside (imports, opening the tracker) stands under `first`. The stages' figures are CPU seconds of the process,
which a busy machine hardly changes; `wall_s` is the time that passed, with `--threads` threads.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from machine import device_name, report, stopwatch

from npvf.clip import FPS, SAMPLE_RATE
from npvf.data.transforms import ClipTransform
from npvf.detect.speech_detector import SpeechDetector
from npvf.faces.landmarks import Landmarker
from npvf.media import iter_frames, read_audio, write_video
from npvf.media.encode import CropEncoder
from npvf.media.recording import Recording
from npvf.models import NPV
from npvf.prepare import ingest
from npvf.prepare.ingest import DEFAULTS

SECONDS = 10
STAGES: dict[str, tuple[Any, str]] = {
    "decode": (Recording, "frames"),  # the audio is decoded along with the frames
    "choose_audio": (Recording, "audio"),
    "landmarks": (Landmarker, "detect"),
    "phones": (ingest, "find_phones"),
    "encode_crops": (CropEncoder, "add"),
    "decode_crops": (ingest, "decode_clip"),
    "tensors": (ClipTransform, "__call__"),
    "encoders": (NPV, "encode"),
}


def main() -> None:
    """Make the clip, judge it with each model, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--models", nargs="+", default=["npv_nano", "npv_tiny"])
    parser.add_argument("--height", type=int, help="scale the pictures to this height")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        video = make_clip(args.clips, Path(folder) / "clip.mp4", args.height)
        size = f"{next(iter_frames(video)).shape[1]}x{next(iter_frames(video)).shape[0]}"
        rows = [{**measure(name, video, args), "picture": size} for name in args.models]
    suffix = f"-{args.height}p" if args.height else ""
    report(rows, args.out / f"inference{suffix}-{device_name()}.csv")


def make_clip(clips: list[Path], target: Path, height: int | None) -> Path:
    """Ten seconds out of clips, one after the other, over and over."""

    def frames() -> Iterator[np.ndarray]:
        for clip in cycle(clips):
            for frame in iter_frames(clip):
                width = round(frame.shape[1] * height / frame.shape[0]) if height else 0
                yield cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) if height else frame

    sounds = []
    for clip in clips:
        length = sum(1 for _ in iter_frames(clip)) * SAMPLE_RATE // FPS
        sound_N = read_audio(clip)[:length]
        sounds.append(np.pad(sound_N, (0, length - len(sound_N))))
    audio_N = np.resize(np.concatenate(sounds), SECONDS * SAMPLE_RATE)
    write_video(target, islice(frames(), SECONDS * FPS), audio=audio_N)
    return target


def measure(name: str, video: Path, args: argparse.Namespace) -> dict[str, Any]:
    """One row: the stages of one model's median run."""
    torch.manual_seed(0)
    detector = SpeechDetector(NPV.create(name))
    runs = []
    for _ in range(args.repeats + 1):
        with stopwatch(STAGES) as spent:
            wall, cpu = time.perf_counter(), time.process_time()
            with Landmarker(max_faces=DEFAULTS.max_faces) as landmarker:
                verdict = detector(video, landmarker=landmarker)
            runs.append((time.process_time() - cpu, time.perf_counter() - wall, spent))
    first, *rest = runs
    total, wall, spent = sorted(rest, key=lambda run: run[0])[len(rest) // 2]
    stages = {f"{stage}_s": round(spent[stage], 2) for stage in STAGES}
    return {
        "model": name,
        "threads": args.threads,
        "cpu_s": round(total, 2),
        "wall_s": round(wall, 2),
        "first_cpu_s": round(first[0], 2),
        **stages,
        "rest_s": round(total - sum(spent.values()), 2),
        "encoders_share": round(spent["encoders"] / total, 3),
        "verdict": verdict.verdict,
    }


if __name__ == "__main__":
    main()
