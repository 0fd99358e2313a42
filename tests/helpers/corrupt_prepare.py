"""Prepares damaged copies of real videos, and checks that each one ends in a line and that no clip is garbage.

python tests/helpers/corrupt_prepare.py VIDEOS SCRATCH [--variants 1000] [--workers 2] [--seed 0]

A clip that was prepared of a damaged copy is compared with the undamaged video's: its landmarks in the source's pixels
and its crops, at the same times.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from npvf.clip import FPS, Clip
from npvf.io.corpus import Corpus
from npvf.prepare.ingest import IngestSettings
from npvf.prepare.pool import Limits
from npvf.prepare.run import prepare

SETTINGS = IngestSettings(phones="voice_activity")


def cut(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data))]


def flip_bits(data: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.choice((1, 10, 100, 1000))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def zero_block(data: bytearray, rng: random.Random) -> bytearray:
    at, length = rng.randrange(len(data)), rng.choice((64, 4096, 65536))
    data[at : at + length] = bytes(len(data[at : at + length]))
    return data


def lose_block(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 188, 4096, 65536))]
    return data


def repeat_block(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.choice((188, 4096, 65536))]
    return data


def noise_in_header(data: bytearray, rng: random.Random) -> bytearray:
    for _ in range(20):
        data[rng.randrange(min(2000, len(data)))] = rng.randrange(256)
    return data


KINDS: list[Callable[[bytearray, random.Random], bytearray]] = [
    cut, flip_bits, zero_block, lose_block, repeat_block, noise_in_header,
]  # fmt: skip


def garbage(clip: Clip, whole: list[Clip]) -> str | None:
    """What is wrong with a clip of a damaged video, against the clips of the undamaged one."""
    for original in whole:
        shift = round((clip.meta.span[0] - original.meta.span[0]) * FPS)
        frames = min(clip.frames, original.frames - shift)
        if shift < 0 or frames <= 0:
            continue
        away = clip.source_landmarks_TN2[:frames] - original.source_landmarks_TN2[shift : shift + frames]
        faces = clip.face_THWC[:frames].astype(np.int16) - original.face_THWC[shift : shift + frames]
        pixels, grey = float(np.median(np.abs(away))), float(np.abs(faces).mean())
        return f"landmarks {pixels:.1f} px, crops {grey:.1f} grey levels off" if pixels > 5 or grey > 20 else None
    return "no such time in the undamaged video"


def main() -> int:
    """0 where each variant has its line, and no clip is garbage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--variants", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--file-timeout", type=float, default=300)
    args = parser.parse_args()
    videos = sorted(path for path in args.videos.iterdir() if path.is_file())
    damaged = args.scratch / "damaged"
    shutil.rmtree(args.scratch, ignore_errors=True)
    damaged.mkdir(parents=True)
    made: dict[str, tuple[str, str]] = {}
    for number in range(args.variants):
        rng = random.Random(args.seed * 1_000_003 + number)
        video, kind = videos[number % len(videos)], KINDS[number // len(videos) % len(KINDS)]
        name = f"{number:05d}{video.suffix}"
        (damaged / name).write_bytes(kind(bytearray(video.read_bytes()), rng))
        made[name] = kind.__name__, video.name
    prepare(args.videos, args.scratch / "whole", settings=SETTINGS, workers=args.workers)
    whole = list(Corpus(args.scratch / "whole").clips)
    began = time.monotonic()
    limits = Limits(args.file_timeout, 4 * 2**30)
    prepare(damaged, args.scratch / "out", settings=SETTINGS, workers=args.workers, limits=limits)
    corpus = Corpus(args.scratch / "out")
    print(f"{len(corpus.manifest)} lines for {args.variants} variants in {time.monotonic() - began:.0f} s")
    ends = Counter((made[line["video"]][0], line["reason"] or "prepared") for line in corpus.manifest)
    for (kind_name, end), count in sorted(ends.items()):
        print(f"{kind_name:16} {end:14} {count}")
    bad = 0
    for clip in corpus.clips:
        kind_name, source = made[clip.meta.video]
        fault = garbage(clip, [original for original in whole if original.meta.video == source])
        if fault:
            bad += 1
            print(f"garbage: {clip.meta.key} ({kind_name} of {source}): {fault}")
    print(f"{len(corpus)} clips of damaged videos, {bad} of them garbage")
    return 0 if len(corpus.manifest) == args.variants and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
