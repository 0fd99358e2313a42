"""Measure preparation: seconds of video per second, stage by stage, against a plain pipeline, frame by frame.

    python benchmarks/prepare.py CLIP [--heights 288 720 1080] [--workers 1 2] [--backends litert mediapipe] [--out DIR]

The clip is scaled to each height (`--heights 0`: as it is). Stages are CPU seconds per second of video in one process,
which a busy machine changes less than wall-clock time; `x_real_time` is the inverse of their sum. The plain pipeline
reads each frame with OpenCV, runs MediaPipe's FaceLandmarker on it (IMAGE mode, one face), resizes the box around the
landmarks to 224 pixels and writes it as JPEG; it has no audio, no phones and no tracks. Both run in processes of their
own, and peak memory is that of the process. Figures are those of a second video; `start` is the additional time of the
first one, which imports packages and reads models. `cpu_N_workers` and `wall_N_workers` are what `prepare` took for
four copies of the clip, per second of video: user and system time of all processes, their start included, and time.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, get_args

import cv2
from machine import device_name, report, stopwatch

from npvf.clip import FPS
from npvf.faces import tracks
from npvf.faces.backend import Backend
from npvf.faces.graph import LandmarkGraph
from npvf.faces.landmarks import Landmarker
from npvf.faces.model_file import face_model_path
from npvf.io.sources import Source
from npvf.media import iter_frames, read_audio, write_video
from npvf.media.encode import CropEncoder
from npvf.media.recording import Recording
from npvf.prepare import ingest, run
from npvf.prepare.ingest import DEFAULTS, IngestSettings

COPIES = 4
STAGES: dict[str, tuple[Any, str]] = {
    "decode": (Recording, "frames"),
    "landmarks": (Landmarker, "detect"),
    "crop": (tracks, "align"),
    "encode": (CropEncoder, "add"),
    "phones": (ingest, "find_phones"),
    "write": (run, "write_tar"),
}


def main() -> None:
    """Make the clip in each size, measure both pipelines, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--heights", nargs="+", type=int, default=[288, 720, 1080])
    parser.add_argument("--workers", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--backends", nargs="+", choices=get_args(Backend), default=get_args(Backend))
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for height in args.heights:
            video = Path(folder) / f"{height}.mp4"
            seconds, size = _scaled(args.clip, video, height)
            plain = _alone(plainly, video, seconds)
            for backend in args.backends:
                settings = replace(DEFAULTS, landmarks=backend)
                ours = _alone(partial(prepared, settings=settings), video, seconds)
                rows.append({"frames": f"{size} {backend}", **_figures(ours, plain)})
                for workers in args.workers:
                    cpu, wall = _whole(video, settings, workers, Path(folder))
                    length = COPIES * seconds
                    rows[-1] |= {f"cpu_{workers}_workers": cpu / length, f"wall_{workers}_workers": wall / length}
    rows = [{name: round(x, 3) if isinstance(x, float) else x for name, x in row.items()} for row in rows]
    report(rows, args.out / f"prepare-{device_name()}.csv")


def _figures(ours: dict[str, float], plain: dict[str, float]) -> dict[str, float]:
    """Return the columns of one backend; `ours` and `plain` are per second of video, and `peak` in MiB."""
    return {
        **{f"{name}_s": value for name, value in ours.items() if name != "peak"},
        **{f"plain_{name}_s": value for name, value in plain.items() if name != "peak"},
        "x_real_time": 1 / ours["all"],
        "plain_times_ours": plain["all"] / ours["all"],
        "peak_mib": round(ours["peak"]),
        "plain_peak_mib": round(plain["peak"]),
    }


def prepared(video: Path, folder: Path, settings: IngestSettings) -> dict[str, float]:
    """Return CPU seconds of each stage of one video in this process."""
    work = folder / ".work"
    work.mkdir()
    with stopwatch(STAGES) as spent:
        began = time.process_time()
        line = run.prepare_video(Source(video.name, video), settings, work)
        total = time.process_time() - began
    assert isinstance(line, dict) and line["status"] == "prepared", line
    return {**{name: spent[name] for name in STAGES}, "rest": total - sum(spent.values()), "all": total}


def plainly(video: Path, folder: Path) -> dict[str, float]:
    """Return CPU seconds of the plain pipeline."""
    cv2.setNumThreads(1)
    began = time.process_time()
    graph, capture, written = (
        LandmarkGraph(face_model_path(), max_faces=1, video=False),
        cv2.VideoCapture(str(video)),
        0,
    )
    while True:
        read, frame = capture.read()
        if not read:
            break
        for landmarks_N2, *_ in graph.detect(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)):
            x0, y0 = landmarks_N2.min(axis=0).clip(0).astype(int)
            x1, y1 = landmarks_N2.max(axis=0).astype(int)
            cv2.imwrite(str(folder / f"{written:06d}.jpg"), cv2.resize(frame[y0:y1, x0:x1], (224, 224)))
            written += 1
    assert written, f"{video} shows no face"
    return {"all": time.process_time() - began}


def _alone(pipeline: Callable[[Path, Path], dict[str, float]], video: Path, seconds: float) -> dict[str, float]:
    """Run a pipeline in a new process. Return its figures per second of video, and its peak memory in MiB."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, get_context("spawn")) as pool,
    ):
        figures, peak = pool.submit(_with_peak, pipeline, video, Path(folder)).result()
    return {**{name: value / seconds for name, value in figures.items()}, "peak": peak}


def _with_peak(
    pipeline: Callable[[Path, Path], dict[str, float]], video: Path, folder: Path
) -> tuple[dict[str, float], float]:
    """Return the figures of a second run: the first one imports packages and reads models."""
    figures: dict[str, float] = {}
    for name in ("first", "second"):
        (folder / name).mkdir()
        start = figures.get("all", 0.0)
        figures = pipeline(video, folder / name)
    figures["start"] = start - figures["all"]
    return figures, _peak_mib()


def _peak_mib() -> float:
    """Return the most memory that this process held. The peak of getrusage would be that of the parent as well."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _whole(video: Path, settings: IngestSettings, workers: int, folder: Path) -> tuple[float, float]:
    """Prepare copies of a video. Return the CPU time of all processes, and the time."""
    source, out = folder / "copies", folder / "out"
    source.mkdir()
    for number in range(COPIES):
        shutil.copy(video, source / f"{number}.mp4")
    cpu, wall = _cpu(), time.perf_counter()
    run.prepare(source, out, settings=settings, workers=workers)
    taken = _cpu() - cpu, time.perf_counter() - wall
    shutil.rmtree(source)
    shutil.rmtree(out)
    return taken


def _cpu() -> float:
    """Return the user and system time of this process and of those that it has ended, in seconds."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _scaled(clip: Path, target: Path, height: int) -> tuple[float, str]:
    """Write the clip with another height. Return its seconds and its size."""
    frames = list(iter_frames(clip))
    if height:
        width = round(frames[0].shape[1] * height / frames[0].shape[0] / 2) * 2
        frames = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in frames]
    seconds = len(frames) / FPS
    write_video(target, frames, audio=read_audio(clip, end=seconds))
    return seconds, f"{frames[0].shape[1]}x{frames[0].shape[0]}"


if __name__ == "__main__":
    main()
