"""Compare our landmarks with those of MediaPipe's FaceLandmarker on videos.

    python benchmarks/landmarks.py VIDEO... [--frames 24] [--out docs/results]

Both follow up to ten faces through the first frames of each video. A distance is that of one landmark of one face, in
pixels of the frame; `other_faces` counts frames in which the two find different numbers of faces. Times are CPU
milliseconds a frame. The videos are not named: rows are frame sizes, and the last one is all of them.
"""

from __future__ import annotations

import argparse
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from machine import device_name, report

from npvf.faces.backend import Found, Graph
from npvf.faces.graph import LandmarkGraph
from npvf.faces.litert import LiteRTGraph, Networks
from npvf.faces.model_file import need_face_model
from npvf.media import iter_frames

MAX_FACES = 10


def main() -> None:
    """Follow the faces of each video with both, and report the distances."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    model, networks = need_face_model(), Networks(need_face_model())
    by_size: dict[str, list[dict[str, Any]]] = {}
    for video in args.videos:
        frames = list(islice(iter_frames(video), args.frames))
        ours, our_ms = followed(LiteRTGraph(networks, MAX_FACES, video=True), frames)
        theirs, their_ms = followed(LandmarkGraph(model, MAX_FACES, video=True), frames)
        found = {
            "frames": len(frames),
            "other_faces": sum(len(a) != len(b) for a, b in zip(ours, theirs, strict=True)),
            "ms": [our_ms, their_ms],
            "distances": [near(face, a) for a, b in zip(ours, theirs, strict=True) if a for face in b],
        }
        height, width = frames[0].shape[:2]
        for size in (f"{width}x{height}", "all"):
            by_size.setdefault(size, []).append(found)
    every = by_size.pop("all")
    rows = [row(size, found) for size, found in [*sorted(by_size.items()), ("all", every)]]
    report(rows, args.out / f"landmarks-{device_name()}.csv")


def followed(graph: Graph, frames: list[np.ndarray]) -> tuple[list[list[Found]], float]:
    """Return the faces of each frame, and the CPU milliseconds of all frames."""
    graph.detect(np.zeros_like(frames[0]), 1)  # loads the networks
    graph.reset()
    began = time.process_time()
    faces = [graph.detect(frame, 40 * k + 1) for k, frame in enumerate(frames)]
    return faces, 1000 * (time.process_time() - began)


def near(face: Found, others: list[Found]) -> np.ndarray:
    """Return the distances (478,) of a face's landmarks from those of the nearest other one."""
    distances = [np.linalg.norm(face.landmarks_N2 - other.landmarks_N2, axis=1) for other in others]
    return min(distances, key=lambda distance_N: float(distance_N.mean()))


def row(size: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of some videos together."""
    distances = np.concatenate([distance_N for video in found for distance_N in video["distances"]] or [np.zeros(0)])
    frames = sum(video["frames"] for video in found)
    ours_ms, theirs_ms = np.sum([video["ms"] for video in found], axis=0) / frames
    figures: dict[str, Any] = {"size": size, "videos": len(found), "frames": frames, "faces": len(distances) // 478}
    if len(distances):
        figures |= {"mean_px": float(distances.mean()), "p95_px": float(np.quantile(distances, 0.95))}
        figures |= {"share_above_half_px": float((distances > 0.5).mean()), "max_px": float(distances.max())}
    else:
        figures |= dict.fromkeys(("mean_px", "p95_px", "share_above_half_px", "max_px"))
    figures["other_faces"] = sum(video["other_faces"] for video in found)
    figures |= {"litert_ms": float(ours_ms), "mediapipe_ms": float(theirs_ms)}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}


if __name__ == "__main__":
    main()
