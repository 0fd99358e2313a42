"""Segments a second that reach a model: from shards, from a folder of JPEG crops with WAV, from the original videos.

    python benchmarks/loader.py data/prepared [--segments 60]

The same random segments of 24 frames three ways, up to the tensors of `--model`: mouth, face, log-mel, gates. A shard
is read in its order, as training streams it. The folder holds the shard's crops as JPEG files (quality 95), the sound
as 16-bit WAV, and the track. The videos are the corpus' sources, found by its manifest, sought and decoded; their
faces need not be looked for, the crops' transforms are known. Files lie in the page cache, in all three ways. CPU time
of one process: with one thread (OMP_NUM_THREADS=1), a figure a core.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile
from machine import device_name, report, seconds

from npvf.clip import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, SEGMENT_FRAMES, Clip, ClipMeta, Phones
from npvf.data.transforms import ClipTransform
from npvf.faces.alignment import align
from npvf.io import shards
from npvf.io.corpus import Corpus
from npvf.media import iter_frames, read_audio
from npvf.models import NPV, InputSpec

QUALITY = 95
Segment = tuple[str, int]


def main() -> None:
    """Write the folder, load every segment in every way, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--segments", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--model", default="npv_nano", help="whose inputs are made")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    corpus = Corpus(args.corpus)
    dice = random.Random(0)
    chosen = list(islice(corpus.samples, args.segments))
    segments = [(str(s["__key__"]), dice.randrange(_frames(s) - SEGMENT_FRAMES + 1)) for s in chosen]
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder)
        sizes = [_store(sample, stored) for sample in chosen]
        ways = {
            "shards": partial(from_shards, corpus, segments),
            "JPEG and WAV files": partial(from_files, stored, segments),
            "original videos": partial(from_videos, corpus, stored, segments),
        }
        bytes_per_frame = [statistics.mean(kind) for kind in zip(*sizes, strict=True)]
        rows = measure(ways, NPV.create(args.model).config.inputs, args.repeats)
    for row, size in zip(rows, [*bytes_per_frame, None], strict=True):
        row |= {"bytes_per_frame": size and round(size), "model": args.model, "segments": len(segments)}
    report(rows, args.out / f"loader-{device_name()}.csv")


def measure(ways: dict[str, Callable[[], list[Clip]]], spec: InputSpec, repeats: int) -> list[dict[str, Any]]:
    """One row a way; ways take turns."""
    transform = ClipTransform(spec)
    times: dict[str, list[float]] = {name: [] for name in ways}
    cutting: list[float] = []
    count = 0
    for _ in range(repeats):
        for name, way in ways.items():
            clips: list[Clip] = []
            loading = seconds(lambda way=way, clips=clips: clips.extend(way()))  # type: ignore[misc]
            cutting.append(seconds(lambda clips=clips: [transform.crop(clip) for clip in clips]))  # type: ignore[misc]
            times[name].append(loading)
            count = len(clips)
    cut = statistics.median(cutting)
    shards_s = statistics.median(times["shards"])
    return [
        {
            "from": name,
            "segments_per_s": round(count / (statistics.median(taken) + cut), 1),
            "loading_ms": round(1000 * statistics.median(taken) / count, 1),
            "loading_ms_min": round(1000 * min(taken) / count, 1),
            "loading_ms_max": round(1000 * max(taken) / count, 1),
            "to_tensors_ms": round(1000 * cut / count, 1),
            "shards_are_faster_by": round((statistics.median(taken) + cut) / (shards_s + cut), 2),
        }
        for name, taken in times.items()
    ]


def from_shards(corpus: Corpus, segments: list[Segment]) -> list[Clip]:
    """Stream the tars; only the frames asked for are decoded."""
    pairs = zip(corpus.samples, segments, strict=False)
    return [shards.decode_clip(sample, start, SEGMENT_FRAMES) for sample, (_, start) in pairs]


def from_files(stored: Path, segments: list[Segment]) -> list[Clip]:
    """A JPEG file a frame."""
    clips = []
    for key, start in segments:
        folder = stored / key
        span = range(start, start + SEGMENT_FRAMES)
        face_THWC = np.stack([cv2.imread(str(folder / f"{t:05d}.jpg"))[..., ::-1] for t in span])
        first, count = start * SAMPLES_PER_FRAME, SEGMENT_FRAMES * SAMPLES_PER_FRAME
        audio_N, _ = soundfile.read(folder / "audio.wav", count, first, dtype="float32")
        clips.append(_clip(folder, start, face_THWC, audio_N))
    return clips


def from_videos(corpus: Corpus, stored: Path, segments: list[Segment]) -> list[Clip]:
    """Seek, decode, align."""
    sources = {key: Path(entry["path"]) for entry in corpus.manifest for key in entry["clips"]}
    clips = []
    for key, start in segments:
        begin = round(_meta(stored / key).span[0] * FPS) + start
        times = {"start": begin / FPS, "end": (begin + SEGMENT_FRAMES) / FPS}
        with np.load(stored / key / "track.npz") as track:
            transform_T23 = track["transform"][start : start + SEGMENT_FRAMES]
        frames = iter_frames(sources[key], **times)
        face_THWC = np.stack([align(frame, m) for frame, m in zip(frames, transform_T23, strict=True)])
        audio_N = read_audio(sources[key], **times)
        missing = SEGMENT_FRAMES * SAMPLES_PER_FRAME - len(audio_N)  # sound that ends before the picture
        clips.append(_clip(stored / key, start, face_THWC, np.pad(audio_N, (0, missing))))
    return clips


def _store(sample: shards.Sample, stored: Path) -> tuple[float, float]:
    """Write one clip as files; bytes a frame in the shard, and of the files."""
    clip = shards.decode_clip(sample)
    folder = stored / str(sample["__key__"])
    folder.mkdir(parents=True)
    for t, face_HWC in enumerate(clip.face_THWC):
        cv2.imwrite(str(folder / f"{t:05d}.jpg"), face_HWC[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    soundfile.write(folder / "audio.wav", clip.audio_N, SAMPLE_RATE, subtype="PCM_16")
    for part in ("track.npz", "phones.json", "meta.json"):
        content = sample[part]
        (folder / part).write_bytes(content.encode() if isinstance(content, str) else content)
    files = sum(file.stat().st_size for file in folder.iterdir())
    return sum(len(sample[part]) for part in shards.PARTS) / clip.frames, files / clip.frames


def _clip(folder: Path, start: int, face_THWC: np.ndarray, audio_N: np.ndarray) -> Clip:
    """A segment with what is known of it, as `shards.decode_clip` makes it."""
    span = slice(start, start + SEGMENT_FRAMES)
    with np.load(folder / "track.npz") as track:
        landmarks_TN2 = track["landmarks"][span].astype(np.float32) / shards.LANDMARK_SCALE
        transform_T23, confidence_T = track["transform"][span], track["confidence"][span]
    phones = Phones.from_json(json.loads((folder / "phones.json").read_text(encoding="utf-8")))
    times = start / FPS, (start + SEGMENT_FRAMES) / FPS
    meta = _meta(folder)
    return Clip(
        face_THWC=face_THWC,
        audio_N=audio_N,
        landmarks_TN2=landmarks_TN2,
        source_landmarks_TN2=shards.to_source(landmarks_TN2, transform_T23),
        transform_T23=transform_T23,
        confidence_T=confidence_T,
        phones=phones.between(*times, -times[0]),
        meta=replace(meta, span=(meta.span[0] + times[0], meta.span[0] + times[1])),
    )


def _meta(folder: Path) -> ClipMeta:
    return ClipMeta.from_json(json.loads((folder / "meta.json").read_text(encoding="utf-8")))


def _frames(sample: shards.Sample) -> int:
    content = sample["track.npz"]
    assert isinstance(content, bytes)
    with np.load(io.BytesIO(content)) as track:
        return len(track["confidence"])


if __name__ == "__main__":
    main()
