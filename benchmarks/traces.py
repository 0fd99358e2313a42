"""Traces of a forgery on the way to a localizer: on the source, in the aligned crop, in the shard, at a model's size.

    python benchmarks/traces.py FORGED PREPARED

FORGED is a folder that `npvf forge --copies` wrote, PREPARED the corpus that `npvf prepare` made of it. A trace is what
a forgery changes in the fine detail of a frame: the mean of log(m_5 |Y - m_3 Y| + 0.3) inside the mask minus that in a
ring of an eighth of the face's size around it, against the same difference, at the same place, of the unforged copy of
the video. A line of the table has the mean size of that change, in standard deviations of the difference over copies.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from machine import device_name, report

from npvf.clip import CROP_SIZE, Clip
from npvf.data.transforms import resize
from npvf.faces.alignment import align
from npvf.io.corpus import Corpus
from npvf.media import iter_frames
from npvf.models.stddl.residuals import energy, mean

EVERY = 12  # frames from one that is looked at to the next
RING = 28  # pixels of the crop, an eighth of its side
STAGES = ("source", "crop", "shard", "192 px", "128 px")


def main() -> None:
    """Measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("forged", type=Path)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    clips = {clip.meta.video: clip for clip in Corpus(args.prepared).clips}
    copies = {clip.meta.original: clip for clip in clips.values() if clip.meta.label == 0}
    found: dict[str, list[list[list[float]]]] = defaultdict(list)
    for clip in clips.values():
        copy = copies.get(clip.meta.original)
        if clip.mask_THW is None or copy is None or copy is clip:
            continue
        frames = [t for t in range(0, min(clip.frames, copy.frames), EVERY) if clip.mask_THW[t].any()]
        both = [dict(contrasts(args.forged, c, clip, frames)) for c in (clip, copy)]
        found[str(clip.meta.manipulation)].append([[one[stage] for stage in STAGES] for one in both])
    rows = [row(kind, np.array(pairs)) for kind, pairs in sorted(found.items())]
    report(rows, args.out / f"traces-{device_name()}.csv")


def row(kind: str, pairs_N2S: np.ndarray) -> dict[str, object]:
    """One line of the table, from N forgeries and their copies at S stages."""
    forged_NS, copy_NS = pairs_N2S[:, 0], pairs_N2S[:, 1]
    size_S = np.abs(forged_NS - copy_NS).mean(axis=0) / copy_NS.std(axis=0)
    sizes = {stage: round(float(size), 2) for stage, size in zip(STAGES, size_S, strict=True)}
    return {"kind": kind, "videos": len(pairs_N2S), **sizes}


def contrasts(folder: Path, clip: Clip, forged: Clip, frames: list[int]) -> Iterator[tuple[str, float]]:
    """Inside minus ring at each stage, the mean over frames; the place is that of the forgery's mask."""
    assert forged.mask_THW is not None
    start = round(clip.meta.span[0] * 25)
    wanted = {start + t for t in frames}
    source = {n: f for n, f in enumerate(iter_frames(folder / clip.meta.video)) if n in wanted}
    values: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for t in frames:
        picture, mask_HW, transform = source[start + t], forged.mask_THW[t], clip.transform_T23[t]
        scale = float(np.linalg.norm(transform[:, 0]))
        seen = {"source": picture, "crop": align(picture, transform), "shard": clip.face_THWC[t]}
        size = (picture.shape[1], picture.shape[0])
        inverse = cv2.warpAffine(
            mask_HW.astype(np.uint8), transform, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        )
        for stage in STAGES[:3]:
            inside_HW = inverse > 0 if stage == "source" else mask_HW
            values[stage].append(contrast(seen[stage], inside_HW, RING / scale if stage == "source" else RING))
        for side in (192, 128):
            small = resize(clip.face_THWC[t : t + 1], side)[0].permute(1, 2, 0).numpy()
            inside_HW = cv2.resize(mask_HW.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST) > 0
            values[f"{side} px"].append(contrast(small, inside_HW, RING * side / CROP_SIZE))
    yield from ((stage, float(np.mean(of_stage))) for stage, of_stage in values.items())


def contrast(picture_HWC: np.ndarray, inside_HW: np.ndarray, ring: float) -> float:
    """The detail inside minus that in the ring."""
    luma = torch.from_numpy(cv2.cvtColor(picture_HWC, cv2.COLOR_RGB2GRAY)).float()[None, None]
    detail_HW = energy(luma - mean(luma, 3))[0, 0].numpy()
    away_HW = cv2.distanceTransform((~inside_HW).astype(np.uint8), cv2.DIST_L2, 5)
    ring_HW = (away_HW > 0.2 * ring) & (away_HW < ring)
    if not inside_HW.any() or not ring_HW.any():
        return 0.0
    return float(detail_HW[inside_HW].mean() - detail_HW[ring_HW].mean())


if __name__ == "__main__":
    main()
