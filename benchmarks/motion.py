"""Compare Anchor-Mesh Motion with optical flow: accuracy on small movements of a face, and time.

    python benchmarks/motion.py [--size 224] [--seeds 0 1 2 3 4] [--methods DIS Farneback]

The portrait of the embedded corpus (one photograph) is bent by a smooth field of known strength, at a place of the
mouth or of a brow and in a direction that the seed draws: there and back from frame to frame, and, up to 1 px a frame,
on and on for six frames ("steady"). Pictures get noise of their own, then H.264 too, or poor light that flickers. Each
cell is the end-point error in pixels over the moving region (where the true motion is more than a quarter of its peak),
mean and standard deviation over seeds, and the captured share of the true motion, <estimate, truth> / <truth, truth>: 1
is all, 0 none. `still` is the motion seen where nothing moves.

Anchor-Mesh Motion is given MediaPipe's landmarks of these pictures, as they are and smoothed over time (a Gaussian of
1.5 frames), their steps refined by DIS, and the true ones. Times are CPU time a pair of frames, median, MediaPipe's
included where its landmarks are used; the published algorithm's is that of its form, a thin-plate spline (SciPy's) for
each triangle.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from machine import device_name, seconds
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter1d, map_coordinates

from npvf.clip import FPS
from npvf.faces.flow import flow_motion
from npvf.faces.landmarks import Landmarker
from npvf.media import iter_frames, write_video
from npvf.models import anchor_mesh_motion, refined_mesh_motion
from npvf.models.stddl.face_meshes import face_mesh
from npvf.synth.portrait import portrait

DISPLACEMENTS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)  # peak, pixels
WARM_UP, AFTER = 4, 4  # the tracker finds its feet on still frames; smoothing looks at the frames after, too
MOVES = {"there and back": (0, 1, 0, 1), "steady": (0, 1, 2, 3, 4, 5, 6)}  # where the part is, in displacements
FASTEST_STEADY = 1.0  # pixels a frame: six steps of more would fold the picture
SMOOTHING = 1.5  # frames
# A bump sits on one of these points and is as wide as this share of the distance between the last two numbers.
REGIONS = {
    "mouth": ((61, 291, 0, 17, 37, 267, 84, 314), 0.35, (61, 291)),
    "brow": ((105, 66, 334, 296), 0.4, (70, 107)),
}


class Camera(NamedTuple):
    """Degradation of the frames: noise and light in grey levels and shares, flicker from frame to frame."""

    noise: float
    light: float = 1.0
    flicker: float = 0.0  # standard deviation, share
    crf: int | None = None  # of H.264


CAMERAS = {"noise": Camera(1.5), "noise, H.264": Camera(1.5, crf=23), "poor light": Camera(3.0, 0.3, 0.03)}


@dataclass
class Case:
    """A clip whose motion is known: pixels (H, W), P pairs of frames, (P, 2, H, W), the first one of frame WARM_UP."""

    frames_THWC: np.ndarray
    landmarks_TN2: np.ndarray
    truth_P2HW: np.ndarray


def main() -> None:
    """Render, estimate, time; one table, one CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224, help="side of the picture; the face is 0.56 of it")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2, 3, 4], help="none: only the times")
    parser.add_argument("--methods", nargs="+", default=["DIS", "Farneback", "TV-L1"], help="of optical flow")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rows = []
    with Landmarker() as landmarker:
        settings = [(p, r, m, d) for p in CAMERAS for r in REGIONS for m in MOVES for d in DISPLACEMENTS if args.seeds]
        settings = [setting for setting in settings if setting[2] != "steady" or setting[3] <= FASTEST_STEADY]
        for picture, region, move, displacement in track(settings):
            cases = [render(args.size, region, move, displacement, seed, CAMERAS[picture]) for seed in args.seeds]
            measured = [measure(case, displacement, args.methods, landmarker) for case in cases]
            for method in measured[0]:
                setting = {"picture": picture, "region": region, "move": move, "displacement_px": displacement}
                setting |= {"method": method}
                rows.append({"size": args.size, **setting, **spread([m[method] for m in measured])})
        costs = cost(args.size, args.methods, landmarker)
    rows = [{**row, "ms_a_pair": costs.get(row["method"])} for row in rows]
    others = [name for name in costs if not any(row["method"] == name for row in rows)]
    rows += [{"size": args.size, "method": name, "ms_a_pair": costs[name]} for name in others]
    path = args.out / f"motion-{args.size}-{device_name()}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), restval="")
        writer.writeheader()
        writer.writerows(rows)
    Console(width=170).print(table(rows))
    Console().print(f"written: {path}")


def render(size: int, region: str, move: str, displacement: float, seed: int, camera: Camera) -> Case:
    """The portrait with a moving part; drawn at twice the size with cubic splines and averaged down."""
    rng = np.random.default_rng((seed, sorted(REGIONS).index(region)))
    points, share, ends = REGIONS[region]
    landmarks_N2 = portrait(size).landmarks_N2.astype(np.float64)
    centre, angle = landmarks_N2[rng.choice(points)], rng.uniform(0, 2 * np.pi)
    width = share * np.linalg.norm(landmarks_N2[ends[0]] - landmarks_N2[ends[1]])
    direction = displacement * np.array([np.cos(angle), np.sin(angle)])

    def field(points: np.ndarray, step: int) -> np.ndarray:
        return step * direction * np.exp(-0.5 * np.square((points - centre) / width).sum(-1, keepdims=True))

    def origin(points: np.ndarray, step: int) -> np.ndarray:
        """Return the positions from which the field moves pixels to `points`."""
        found = points
        for _ in range(12):
            found = points - field(found, step)
        return found

    fine = portrait(2 * size).picture_HWC.astype(np.float64)
    at = (np.stack(np.meshgrid(*(np.arange(2 * size),) * 2), -1) + 0.5) / 2 - 0.5  # of the small picture

    def picture(step: int) -> np.ndarray:
        x, y = np.moveaxis((origin(at, step) + 0.5) * 2 - 0.5, -1, 0)
        moved = np.stack([map_coordinates(fine[..., c], (y, x), order=3, mode="nearest") for c in range(3)], -1)
        return cv2.resize(moved, (size, size), interpolation=cv2.INTER_AREA)

    steps = MOVES[move]
    pictures = {step: picture(step) for step in set(steps)}
    where = (0,) * WARM_UP + steps + (steps[-1],) * AFTER
    lights = camera.light * (1 + camera.flicker * rng.normal(size=len(where)))
    noise = rng.normal(0, camera.noise, (len(where), size, size, 3))
    frames = [light * pictures[step] for step, light in zip(where, lights, strict=True)]
    frames_THWC = np.clip(np.round(frames + noise), 0, 255).astype(np.uint8)
    pixels = np.stack(np.meshgrid(*(np.arange(size, dtype=float),) * 2), -1)
    origins = {step: origin(pixels, step) for step in set(steps)}
    truth = [origins[now] + field(origins[now], after) - pixels for now, after in pairwise(steps)]
    known = np.stack([landmarks_N2 + field(landmarks_N2, step) for step in where])
    encoded_THWC = frames_THWC if camera.crf is None else encoded(frames_THWC, camera.crf)
    return Case(encoded_THWC, known, np.stack(truth).transpose(0, 3, 1, 2))


def encoded(frames_THWC: np.ndarray, crf: int) -> np.ndarray:
    """The frames after H.264."""
    with tempfile.TemporaryDirectory() as folder:
        write_video(Path(folder) / "clip.mp4", frames_THWC, crf=crf, preset="medium")
        return np.stack(list(iter_frames(Path(folder) / "clip.mp4")))


def found_landmarks(case: Case, landmarker: Landmarker) -> np.ndarray:
    """MediaPipe's, (T, 478, 2)."""
    landmarker.reset()
    return np.stack([landmarker.detect(f, t / FPS)[0].landmarks_N2 for t, f in enumerate(case.frames_THWC)])


def mesh_motion(landmarks_TN2: np.ndarray, size: int, mesh: Any) -> np.ndarray:
    """(T - 1, 2, H, W)."""
    return anchor_mesh_motion(torch.from_numpy(landmarks_TN2.astype(np.float32))[None], size, mesh)[0].numpy()


def refined_motion(landmarks_TN2: np.ndarray, flow_P2HW: np.ndarray, mesh: Any) -> np.ndarray:
    """(T - 1, 2, H, W)."""
    points_1TN2 = torch.from_numpy(landmarks_TN2.astype(np.float32))[None]
    return refined_mesh_motion(points_1TN2, torch.from_numpy(flow_P2HW)[None], mesh)[0].numpy()


def measure(case: Case, displacement: float, methods: list[str], landmarker: Landmarker) -> dict[str, tuple]:
    """Error, captured share and motion of still places, by method."""
    size, found_TN2 = case.frames_THWC.shape[1], found_landmarks(case, landmarker)
    smooth_TN2 = gaussian_filter1d(found_TN2, SMOOTHING, axis=0, mode="nearest")
    moves = slice(WARM_UP, WARM_UP + len(case.truth_P2HW) + 1)
    frames_THWC = case.frames_THWC[moves]
    dis_P2HW = flow_motion(frames_THWC, "dis")
    estimates = {"no motion": np.zeros_like(case.truth_P2HW)}
    for mesh in ("anchors", "dense"):
        estimates[f"AMM {mesh}, MediaPipe"] = mesh_motion(found_TN2[moves], size, mesh)
        estimates[f"AMM {mesh}, smoothed"] = mesh_motion(smooth_TN2[moves], size, mesh)
        estimates[f"AMM {mesh}, refined"] = refined_motion(found_TN2[moves], dis_P2HW, mesh)
        estimates[f"AMM {mesh}, true"] = mesh_motion(case.landmarks_TN2[moves], size, mesh)
    for method in methods:
        estimates[method] = flow_motion(frames_THWC, method.lower().replace("-", ""))
    length = np.linalg.norm(case.truth_P2HW, axis=1)
    moving, still = length > displacement / 4, length < displacement / 100
    # Still places count where there is a face: where the true landmarks' mesh lies.
    shaken = np.stack([case.landmarks_TN2[0], case.landmarks_TN2[0] + 1.0])
    face = np.abs(mesh_motion(shaken, size, "dense")).sum(1) > 0
    result = {}
    for method, estimate in estimates.items():
        error = np.linalg.norm(estimate - case.truth_P2HW, axis=1)[moving].mean()
        product = (estimate * case.truth_P2HW).sum(1)[moving].sum() / np.square(length)[moving].sum()
        result[method] = (error, product, np.linalg.norm(estimate, axis=1)[still & face].mean())
    return result


def spread(runs: list[tuple[float, float, float]]) -> dict[str, float]:
    """Mean and standard deviation over seeds."""
    error, captured, still = zip(*runs, strict=True)
    sd = statistics.stdev if len(runs) > 1 else lambda _: 0.0
    return {
        "seeds": len(runs),
        "error_px": round(float(np.mean(error)), 4),
        "error_sd": round(float(sd(error)), 4),
        "captured": round(float(np.mean(captured)), 3),
        "captured_sd": round(float(sd(captured)), 3),
        "still_px": round(float(np.mean(still)), 4),
    }


def cost(size: int, methods: list[str], landmarker: Landmarker) -> dict[str, float]:
    """CPU milliseconds of a pair of frames."""
    case = render(size, "mouth", "there and back", 1.0, 0, CAMERAS["noise"])
    pair, points = (both[WARM_UP : WARM_UP + 2] for both in (case.frames_THWC, case.landmarks_TN2))
    both = torch.from_numpy(points.astype(np.float32))[None]
    actions: dict[str, Callable[[], object]] = {
        f"AMM {mesh}, true": partial(anchor_mesh_motion, both, size, mesh) for mesh in ("anchors", "dense")
    }
    actions["AMM anchors, lattice"] = partial(anchor_mesh_motion, both, size, "anchors", "lattice")
    actions |= {m: partial(flow_motion, pair, m.lower().replace("-", "")) for m in methods}
    actions["published: a spline a triangle"] = partial(splines, *points)
    times = {name: [seconds(action) for _ in range(3 if name == "TV-L1" else 15)] for name, action in actions.items()}
    found = [seconds(partial(found_landmarks, case, landmarker)) / len(case.frames_THWC) for _ in range(3)]
    times["MediaPipe's landmarks, a frame"] = found
    median = {name: 1000 * statistics.median(taken) for name, taken in times.items()}
    dis = 1000 * statistics.median(seconds(partial(flow_motion, pair, "dis")) for _ in range(15))
    for mesh in ("anchors", "dense"):
        with_landmarks = median[f"AMM {mesh}, true"] + median["MediaPipe's landmarks, a frame"]
        median |= {f"AMM {mesh}, {name}": with_landmarks for name in ("MediaPipe", "smoothed")}
        median[f"AMM {mesh}, refined"] = with_landmarks + dis
    return {name: round(ms, 2) for name, ms in median.items()}


def splines(now_N2: np.ndarray, after_N2: np.ndarray) -> list[np.ndarray]:
    """The computation of the published algorithm: 88 thin-plate splines through three points, at 3240 points each."""
    i, j = np.array([(i, j) for i in range(80) for j in range(80 - i)]).T[..., None]
    moved = []
    for triangle in face_mesh("anchors").numpy():
        v0, v1, v2 = source = now_N2[triangle]
        points = np.round(v0 + j / 80 * (v1 - v0) + i / 80 * (v2 - v0))
        moved.append(RBFInterpolator(source, after_N2[triangle], kernel="thin_plate_spline")(points) - points)
    return moved


def table(rows: list[dict[str, Any]]) -> Table:
    """One line for each picture, region, move and method; error ± deviation (captured share) by displacement."""
    columns = ("picture", "region", "move", "method", *(f"{d:g} px" for d in DISPLACEMENTS), "still", "ms a pair")
    shown = Table(*columns, title=f"{rows[0]['size']} px: end-point error in pixels (captured share)")
    times = {row["method"]: row["ms_a_pair"] for row in rows if row["ms_a_pair"] is not None}
    kind_of = {id(r): (*(r.get(name, "") for name in ("picture", "region", "move")), r["method"]) for r in rows}
    for kind in dict.fromkeys(kind_of.values()):
        line = [r for r in rows if kind_of[id(r)] == kind]
        cells = [f"{r['error_px']:.3f} ± {r['error_sd']:.3f} ({r['captured']:.2f})" for r in line if "error_px" in r]
        still = f"{np.mean([r['still_px'] for r in line]):.3f}" if cells else ""
        cells += [""] * (len(DISPLACEMENTS) - len(cells))
        shown.add_row(*kind, *cells, still, str(times.get(kind[3], "")))
    return shown


if __name__ == "__main__":
    main()
