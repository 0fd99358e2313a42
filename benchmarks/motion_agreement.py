"""Does the motion field agree with the published algorithm on its own lattice, on faces of the GRID corpus?

    python benchmarks/motion_agreement.py CLIPS

CLIPS is a folder of videos. Of each, pairs of frames are compared over a square of 512 px around the face. `same` are
the lattice pixels that the triangle drawn last by the published algorithm does cover; the others it drew, by rounding,
just outside of its triangle.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from machine import device_name, report
from published_motion import published_motion

from npvf.clip import FPS
from npvf.faces.landmarks import Landmarker
from npvf.media import iter_frames
from npvf.models import anchor_mesh_motion
from npvf.models.stddl.face_meshes import face_mesh
from npvf.models.stddl.rasterise import filled

SIZE, AT = 512, (15, 30, 43)  # first frames of the pairs


def main() -> None:
    """Compare, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    videos = sorted(path for path in args.clips.iterdir() if path.suffix in (".mpg", ".mp4"))
    with Landmarker() as landmarker:
        pairs = [pair for video in videos for pair in face_pairs(video, landmarker)]
    rows = []
    for fill in ("triangles", "lattice"):
        errors, same = (np.concatenate(parts) for parts in zip(*(compare(pair, fill) for pair in pairs), strict=True))
        rows.append(
            {
                "fill": fill,
                "videos": len(videos),
                "pairs": len(pairs),
                "lattice_pixels": len(errors),
                "same_share": round(float(same.mean()), 4),
                "same_error_max_px": float(f"{errors[same].max():.2g}"),
                "same_within_0.05_px": round(float((errors[same] < 0.05).mean()), 6),
                "all_within_0.05_px": round(float((errors < 0.05).mean()), 4),
                "all_error_median_px": float(f"{np.median(errors):.2g}"),
                "all_error_max_px": round(float(errors.max()), 1),
            }
        )
    report(rows, args.out / f"motion-agreement-{device_name()}.csv")


def face_pairs(video: Path, landmarker: Landmarker) -> list[torch.Tensor]:
    """Landmarks (2, 478, 2) of pairs of frames, in the square."""
    frames = islice(iter_frames(video), max(AT) + 2)
    tracks = np.stack([landmarker.detect(frame, t / FPS)[0].landmarks_N2 for t, frame in enumerate(frames)])
    extent = np.ptp(tracks[0], axis=0)
    inside = (tracks - tracks[0].min(0) + 0.1 * extent) / (1.2 * extent.max()) * SIZE
    return [torch.from_numpy(inside[t : t + 2].astype(np.float32)) for t in AT]


def compare(landmarks_TN2: torch.Tensor, fill: str) -> tuple[np.ndarray, np.ndarray]:
    """Larger difference of dx and dy on each lattice pixel, and whether the published owner covers it."""
    triangles = face_mesh("anchors")
    published_HW2, winner_HW = published_motion(*landmarks_TN2.double().numpy(), triangles.tolist(), (SIZE, SIZE))
    motion_2HW = anchor_mesh_motion(landmarks_TN2[None], SIZE, fill=fill)[0, 0].numpy()
    corners = landmarks_TN2[:1, triangles]
    owner_HW = filled(corners, torch.ones(corners.shape[:2], dtype=torch.bool), (SIZE, SIZE))[0].numpy()
    drawn_HW = winner_HW >= 0
    error_HW = np.abs(motion_2HW.transpose(1, 2, 0) - published_HW2).max(-1)
    return error_HW[drawn_HW], (owner_HW == winner_HW)[drawn_HW]


if __name__ == "__main__":
    main()
