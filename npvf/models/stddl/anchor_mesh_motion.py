"""Anchor-Mesh Motion (ST-DDL): the dense motion of a face between frames, from its landmarks alone."""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import grid_sample

from npvf.models.stddl.face_meshes import Mesh, face_mesh
from npvf.models.stddl.rasterise import NONE, filled, lattice

Fill = Literal["triangles", "lattice"]
_DEGENERATE = 1e-2  # twice the area, square pixels: a triangle below has no inside
_AT_ONCE = 8  # frames that are rasterised together; more only takes more memory


def anchor_mesh_motion(
    landmarks_BTN2: Tensor, size: int | tuple[int, int], mesh: Mesh | Tensor = "anchors", fill: Fill = "triangles"
) -> Tensor:
    """Compute the motion of each pixel of a face to the next frame.

    Each triangle of the mesh moves by the affine map that takes its corners of frame t to those of frame t + 1; at a
    pixel p with barycentric coordinates l the motion is

        m(p) = sum_i l_i(p) (v_i(t + 1) - v_i(t)).

    The paper writes a thin-plate spline through the three corners: with three of them it is this map. Later triangles
    lie on earlier ones; a degenerate one is not drawn; where there is no triangle the motion is zero. What lies outside
    the picture is cut off. Fields belong to pairs of frames of one clip: the last frame has no follower, and T frames
    give T - 1 fields.

    Differentiable in the landmarks; which triangle owns a pixel is taken as constant.

    Args:
        landmarks_BTN2: pixels (x, y) of the picture, sub-pixel, T >= 2; pixel (row r, column c) is the point (c, r).
        size: the picture's height and width, or its side.
        mesh: `anchors` or `dense` (see `face_mesh`), or triangles (K, 3) int64 in drawing order.
        fill: `triangles`, without holes, or the paper's dotted `lattice` (see `rasterise.lattice`).

    Shape:
        (B, T, N, 2) -> (B, T - 1, 2, H, W): dx and dy in pixels, of the landmarks' dtype.

    Raises:
        ValueError: fewer than two frames, landmarks that are not finite, or a mesh that does not fit them.
    """
    if landmarks_BTN2.shape[1] < 2:
        raise ValueError("motion needs at least two frames")
    return _spread(landmarks_BTN2[:, :-1], landmarks_BTN2.diff(dim=1), size, mesh, fill)


def refined_mesh_motion(landmarks_BTN2: Tensor, flow_BPCHW: Tensor, mesh: Mesh | Tensor = "anchors") -> Tensor:
    """Compute Anchor-Mesh Motion with the landmarks' steps read from an optical flow.

    Ours, not the paper's. A detector of landmarks finds each frame's points anew, and their noise is as large as small
    motions are; an optical flow between the two frames does not have it. So the landmarks say where the corners of the
    triangles are, and the flow there, bilinear between its pixels, where they go to. The triangles keep what makes
    Anchor-Mesh Motion: between the corners a motion is affine, and beside the face there is none.

    Args:
        landmarks_BTN2: pixels of the picture, as `anchor_mesh_motion` takes them; of the last frame nothing is read.
        flow_BPCHW: dx and dy in pixels from each frame to the next (`npvf.faces.flow_motion`).
        mesh: as in `anchor_mesh_motion`.

    Shape:
        (B, T, N, 2), (B, T - 1, 2, H, W) -> (B, T - 1, 2, H, W).

    Raises:
        ValueError: as `anchor_mesh_motion`, or the flow is not that of these frames.
    """
    B, T = landmarks_BTN2.shape[:2]
    height, width = flow_BPCHW.shape[-2:]
    if T < 2:
        raise ValueError("motion needs at least two frames")
    if flow_BPCHW.shape[:3] != (B, T - 1, 2):
        raise ValueError(f"flow must be (B, T - 1, 2, H, W) of {T} frames, not {tuple(flow_BPCHW.shape)}")
    if not torch.isfinite(flow_BPCHW).all():
        raise ValueError("the flow is not finite")
    now_BPN2 = landmarks_BTN2[:, :-1]
    place_FN12 = (rearrange(now_BPN2, "b p n c -> (b p) n 1 c") + 0.5) * 2 / now_BPN2.new_tensor([width, height]) - 1
    step_FCN1 = grid_sample(
        flow_BPCHW.flatten(0, 1).to(place_FN12), place_FN12, padding_mode="border", align_corners=False
    )
    step_BPN2 = rearrange(step_FCN1, "(b p) c n 1 -> b p n c", b=B)
    return _spread(now_BPN2, step_BPN2, (height, width), mesh, "triangles")


def _spread(
    now_BPN2: Tensor, step_BPN2: Tensor, size: int | tuple[int, int], mesh: Mesh | Tensor, fill: Fill
) -> Tensor:
    """Spread the landmarks' steps over the triangles of the mesh: (B, P, 2, H, W)."""
    if fill not in ("triangles", "lattice"):
        raise ValueError(f"fill {fill!r} is neither triangles nor lattice")
    if not (torch.isfinite(now_BPN2).all() and torch.isfinite(step_BPN2).all()):
        raise ValueError("landmarks are not finite: leave out frames in which the face was lost")
    triangles_K3 = _triangles(mesh, now_BPN2.shape[2]).to(now_BPN2.device)
    height, width = (size, size) if isinstance(size, int) else size
    now_FK32, step_FK32 = (points_BPN2[:, :, triangles_K3].flatten(0, 1) for points_BPN2 in (now_BPN2, step_BPN2))
    motion_F2HW = torch.cat(
        [
            _motion(now, step, (height, width), fill)
            for now, step in zip(now_FK32.split(_AT_ONCE), step_FK32.split(_AT_ONCE), strict=True)
        ]
    )
    return motion_F2HW.unflatten(0, now_BPN2.shape[:2])


def normalise_motion(motion_BTCHW: Tensor, floor: float = 1e-2) -> Tensor:
    """Zero mean and unit deviation of each channel of each clip, over its frames and pixels, background included.

    The published code takes both over the whole batch, so that a clip's score depends on its neighbours.

    Args:
        motion_BTCHW: from `anchor_mesh_motion`, in pixels.
        floor: the least deviation in pixels, so that the noise of a still clip is not amplified to motion.
    """
    deviation, mean = torch.std_mean(motion_BTCHW, dim=(1, 3, 4), keepdim=True, correction=0)
    return (motion_BTCHW - mean) / deviation.clamp_min(floor)


def _triangles(mesh: Mesh | Tensor, points: int) -> Tensor:
    if isinstance(mesh, str):
        return face_mesh(mesh, points)
    if mesh.ndim != 2 or mesh.shape[1] != 3 or mesh.is_floating_point():
        raise ValueError(f"a mesh is (K, 3) whole numbers, not {tuple(mesh.shape)} {mesh.dtype}")
    if len(mesh) and not (int(mesh.min()) >= 0 and int(mesh.max()) < points):
        raise ValueError(f"the mesh names landmarks beyond the {points} that there are")
    return mesh


def _motion(now_FK32: Tensor, step_FK32: Tensor, size: tuple[int, int], fill: Fill) -> Tensor:
    """The motion of some frames, (F, 2, H, W), from their triangles' corners and the corners' steps."""
    affine_FK8, drawn_FK = _affine(now_FK32, step_FK32)
    owner_FHW = (filled if fill == "triangles" else lattice)(now_FK32, drawn_FK, size)
    (F, K), (height, width) = drawn_FK.shape, size
    row_P, column_P = (owner_FHW != NONE).flatten(0, 1).nonzero(as_tuple=True)
    place_P = row_P * width + column_P
    owner_P = (owner_FHW + torch.arange(F, device=owner_FHW.device)[:, None, None] * K).flatten()[place_P]
    x0, y0, dx0, dy0, dx_x, dy_x, dx_y, dy_y = affine_FK8.flatten(0, 1)[owner_P].unbind(1)
    x, y = column_P - x0, row_P % height - y0
    moved_2P = torch.stack([dx0 + dx_x * x + dx_y * y, dy0 + dy_x * x + dy_y * y])
    motion_2N = now_FK32.new_zeros(2, F * height * width).scatter_(1, place_P.expand(2, -1), moved_2P)
    return rearrange(motion_2N, "c (f h w) -> f c h w", f=F, h=height)


def _affine(now_FK32: Tensor, step_FK32: Tensor) -> tuple[Tensor, Tensor]:
    """Each triangle's motion as first corner (x, y), motion there (dx, dy), its derivatives by x and by y: (F, K, 8).

    And which triangles are drawn, (F, K).
    """
    corner, along1, along2 = now_FK32[:, :, 0], *(now_FK32[:, :, 1:] - now_FK32[:, :, :1]).unbind(2)
    step, gain1, gain2 = step_FK32[:, :, 0], *(step_FK32[:, :, 1:] - step_FK32[:, :, :1]).unbind(2)
    area_FK1 = along1[..., :1] * along2[..., 1:] - along1[..., 1:] * along2[..., :1]
    drawn_FK1 = area_FK1.abs() > _DEGENERATE
    area_FK1 = torch.where(drawn_FK1, area_FK1, 1)
    by_x = (gain1 * along2[..., 1:] - gain2 * along1[..., 1:]) / area_FK1
    by_y = (gain2 * along1[..., :1] - gain1 * along2[..., :1]) / area_FK1
    return torch.cat([corner, step, by_x, by_y], dim=-1), drawn_FK1[..., 0]
