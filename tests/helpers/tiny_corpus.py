"""A tiny prepared corpus without faces or voices: a blob that opens and closes with the loudness of a tone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from npvf.clip import FAKE, FPS, SAMPLES_PER_FRAME, Clip, ClipMeta, Phone, Phones
from npvf.io.shards import encode_clip, write_tar


def blob_clip(video: str, seed: int, frames: int = 50, sound_seed: int | None = None, **meta: object) -> Clip:
    """The blob's height is its loudness; with another `sound_seed` it is someone else's."""
    opening_T, loudness_T = _curve(seed, frames), _curve(seed if sound_seed is None else sound_seed, frames)
    rows, columns = np.mgrid[:224, :224]
    face_THWC = np.full((frames, 224, 224, 3), 150, np.uint8)
    for t, opening in enumerate(opening_T):
        inside = ((columns - 112) / 30) ** 2 + ((rows - 150) / (4 + 24 * opening)) ** 2 < 1
        face_THWC[t][inside] = (60, 20 + seed % 40, 30)
    landmarks_TN2 = np.full((frames, 478, 2), (112.0, 150.0), np.float32)
    time_N = np.arange(frames * SAMPLES_PER_FRAME) / 16_000
    envelope_N = np.interp(time_N, (np.arange(frames) + 0.5) / FPS, loudness_T)
    audio_N = (0.4 * envelope_N * np.sin(2 * np.pi * 300 * time_N)).astype(np.float32)
    end = frames / FPS
    spoken = (("sil", 0.0, 0.1), ("aa", 0.1, 0.6), ("m", 0.6, 0.7), ("ow", 0.7, end))
    return Clip(
        face_THWC=face_THWC,
        audio_N=audio_N,
        landmarks_TN2=landmarks_TN2,
        source_landmarks_TN2=landmarks_TN2,
        transform_T23=np.tile(np.eye(2, 3, dtype=np.float32), (frames, 1, 1)),
        confidence_T=np.ones(frames, np.float32),
        phones=Phones(tuple(Phone(*said) for said in spoken), "times"),
        meta=ClipMeta(f"{video}-t0-000", video, "0" * 64, 0, (0.0, end), 1, **meta),  # type: ignore[arg-type]
    )


def write_corpus(folder: Path, clips: list[Clip], shards: int = 1) -> Path:
    """As `npvf prepare` leaves it, as far as reading goes."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"shard-{n:06d}.tar" for n in range(shards)]
    for n, name in enumerate(names):
        with (folder / name).open("wb") as file:
            write_tar(file, [encode_clip(clip) for clip in clips[n::shards]])
    hours = sum(clip.seconds for clip in clips) / 3600
    dataset = {"complete": True, "shards": names, "clips": len(clips), "hours": hours}
    (folder / "dataset.json").write_text(json.dumps(dataset))
    lines = [_manifest_line(clip, names[n % shards]) for n, clip in enumerate(clips)]
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def _manifest_line(clip: Clip, shard: str) -> dict[str, object]:
    meta = clip.meta
    said = {
        name: getattr(meta, name) for name in ("label", "manipulation", "identity", "identities", "original", "split")
    }
    facts = {"sha256": meta.source_sha256, "seconds": clip.seconds, "phone_source": "times", "duplicate_of": None}
    place = {"video": meta.video, "status": "prepared", "reason": None, "clips": [meta.key], "shard": shard}
    return {**place, **facts, **said}


def real_corpus(folder: Path, count: int = 10, frames: int = 50, shards: int = 1) -> Path:
    """Blobs with their own sound."""
    clips = [blob_clip(f"v{i:02d}", i, frames, identity=f"who{i}", identities=(f"who{i}",)) for i in range(count)]
    return write_corpus(folder, clips, shards)


def labelled_corpus(folder: Path, reals: int = 6, fakes: int = 6) -> Path:
    """Reals, and fakes whose sound is another's; identities differ between the splits."""
    clips = []
    for split, first in (("train", 0), ("val", 100)):
        for i in range(first, first + reals):
            who = {"identity": f"p{i}", "identities": (f"p{i}",), "split": split}
            clips.append(blob_clip(f"r{i}", i, label=0, **who))
        for i in range(first, first + fakes):
            person = f"p{first + i % reals}"
            who = {"identity": person, "identities": (person,), "split": split, "manipulation": "swap"}
            clips.append(blob_clip(f"f{i}", i, sound_seed=i + 50, label=FAKE, **who))
    return write_corpus(folder, clips)


def _curve(seed: int, frames: int) -> np.ndarray:
    knots = np.arange(0, frames + 4, 4)
    return np.interp(np.arange(frames), knots, np.random.default_rng(seed).random(len(knots)))
