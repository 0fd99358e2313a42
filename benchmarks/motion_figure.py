"""Draw docs/motion.png: a portrait whose mouth and brow move by known amounts, and what each kind of motion sees of it.

python benchmarks/motion_figure.py [--out docs/motion.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from motion import CAMERAS, WARM_UP, found_landmarks, mesh_motion, refined_motion, render
from torchvision.utils import flow_to_image

from npvf.faces.flow import flow_motion
from npvf.faces.landmarks import Landmarker
from npvf.models import anchor_mesh_motion
from npvf.models.stddl.face_meshes import face_mesh

SIZE, MOVED = 512, 3.0  # pixels


def main() -> None:
    """Render, estimate, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/motion.png"))
    args = parser.parse_args()
    case = render(SIZE, "mouth", "there and back", MOVED, seed=3, camera=CAMERAS["noise"])
    with Landmarker() as landmarker:
        found_N2, after_N2 = found_landmarks(case, landmarker)[WARM_UP : WARM_UP + 2]
    pair_2N2, true_2N2 = np.stack([found_N2, after_N2]), case.landmarks_TN2[WARM_UP : WARM_UP + 2]
    dotted = anchor_mesh_motion(torch.from_numpy(pair_2N2[None]), SIZE, fill="lattice")[0, 0].numpy()
    flow_12HW = flow_motion(case.frames_THWC[WARM_UP : WARM_UP + 2])
    fields = {
        "the true motion: mouth, at most 3 px": case.truth_P2HW[0],
        "Anchor-Mesh Motion, true landmarks": mesh_motion(true_2N2, SIZE, "dense")[0],
        "Anchor-Mesh Motion, MediaPipe, 68 anchors": mesh_motion(pair_2N2, SIZE, "anchors")[0],
        "the same, the published dotted lattice": dotted,
        "68 anchors, steps refined by optical flow": refined_motion(pair_2N2, flow_12HW, "anchors")[0],
        "optical flow (DIS)": flow_12HW[0],
    }
    figure, axes = plt.subplots(2, 4, figsize=(14, 7.4))
    face_HWC, points_N2 = case.frames_THWC[WARM_UP], found_N2
    draw_mesh(axes[0, 0], face_HWC, points_N2, face_mesh("anchors").numpy(), "68 anchors, 88 triangles")
    draw_mesh(axes[1, 0], face_HWC, points_N2, face_mesh("dense").numpy(), "MediaPipe's 468 points, 898 triangles")
    # One scale for all, wheel included: flow_to_image takes the longest motion of what it is given.
    pictures = flow_to_image(torch.from_numpy(np.stack([clipped(field) for field in (*fields.values(), wheel())])))
    places = [axes[row, column] for column in (1, 2, 3) for row in (0, 1)]
    for place, title, picture in zip(places, fields, pictures, strict=False):
        place.imshow(picture.permute(1, 2, 0))
        place.set_title(title, fontsize=10)
    corner = axes[0, 1].inset_axes((0.02, 0.02, 0.22, 0.22))
    corner.imshow(pictures[-1].permute(1, 2, 0)[:96, :96])
    low, high = points_N2.min(0), points_N2.max(0)
    middle, half = (low + high) / 2, 0.58 * (high - low).max()
    for place in axes.flat:
        place.set(
            xticks=[], yticks=[], xlim=middle[0] + np.array([-half, half]), ylim=middle[1] + np.array([half, -half])
        )
    corner.set(xticks=[], yticks=[])
    figure.tight_layout()
    figure.savefig(args.out, dpi=75)


def draw_mesh(axis: Axes, face_HWC: np.ndarray, points_N2: np.ndarray, triangles_K3: np.ndarray, title: str) -> None:
    """Triangles and their corners on the face."""
    axis.imshow(face_HWC)
    axis.triplot(*points_N2.T, triangles_K3, color="white", linewidth=0.5)
    axis.plot(*points_N2[np.unique(triangles_K3)].T, ".", color="#00d0ff", markersize=2.5)
    axis.set_title(title, fontsize=10)


def clipped(field_2HW: np.ndarray) -> np.ndarray:
    """No longer than the largest true motion, so that one wild pixel does not pale the rest."""
    length = np.linalg.norm(field_2HW, axis=0)
    return (field_2HW * np.minimum(1, MOVED / np.maximum(length, 1e-6))).astype(np.float32)


def wheel() -> np.ndarray:
    """Directions as colours: motion away from the middle of a disc in the upper left corner, (2, SIZE, SIZE)."""
    across = (np.arange(SIZE) - 47.5) / 47.5 * MOVED
    field = np.stack(np.meshgrid(across, across))
    return field * (np.linalg.norm(field, axis=0) <= MOVED)


if __name__ == "__main__":
    main()
