"""A rasteriser in plain torch: find the topmost triangle at each pixel, for all triangles of all frames at once.

A pixel is the point of its column and row: (x, y) = (c, r). Later triangles lie on earlier ones. The winner is the
largest of whole numbers, so it depends neither on the device nor on the order in which threads write.
"""

from __future__ import annotations

import torch
from torch import Tensor

NONE = -1  # no triangle here
# Corners and edges belong to a triangle, this much (pixels) beyond them too: neighbours leave no gap to rounding.
_EDGE = 1e-3
LATTICE = 80  # intervals along two sides of a triangle: 80 * 81 / 2 = 3240 points


def filled(corners_FK32: Tensor, drawn_FK: Tensor, size: tuple[int, int]) -> Tensor:
    """The last triangle that covers each pixel, hole-free, scan line by scan line.

    Shape:
        corners (F, K, 3, 2) pixels (x, y), drawn (F, K) bool -> (F, H, W) int64, `NONE` or the triangle's number.
    """
    height, width = size
    F, K = drawn_FK.shape
    corners = corners_FK32.detach().flatten(0, 1)
    low, high = corners[..., 1].amin(1), corners[..., 1].amax(1)
    first = (low - _EDGE).ceil().clamp(0, height).long()
    last = (high + _EDGE).floor().clamp(-1, height - 1).long()
    triangle_S, row_S = _expand(first, (last - first + 1).clamp_min(0) * drawn_FK.flatten())

    left_S, right_S = _crossed(corners[triangle_S], row_S.to(corners.dtype))
    first = (left_S - _EDGE).ceil().clamp(0, width).long()
    last = (right_S + _EDGE).floor().clamp(-1, width - 1).long()
    begin = (triangle_S // K * height + row_S) * width + first
    span_P, pixel_P = _expand(begin, (last - first + 1).clamp_min(0))
    return _on_top(pixel_P, (triangle_S % K)[span_P], F, size)


def lattice(corners_FK32: Tensor, drawn_FK: Tensor, size: tuple[int, int]) -> Tensor:
    """The last triangle that has a lattice point, rounded to whole pixels, on each pixel (ST-DDL's published sampling).

    Point (i, j) of the triangle (v0, v1, v2) is v0 + j/80 (v1 - v0) + i/80 (v2 - v0), 0 <= i < 80, 0 <= j < 80 - i.
    Large triangles leave holes; rounding draws some pixels that lie up to half a pixel outside.

    Shape:
        as `filled`.
    """
    height, width = size
    i, j = torch.meshgrid(*(torch.arange(LATTICE, device=corners_FK32.device),) * 2, indexing="ij")
    i, j = i[j < LATTICE - i, None], j[j < LATTICE - i, None]
    v0, v1, v2 = corners_FK32.detach()[:, :, :, None].unbind(2)
    # Whole numbers up to the division: landmarks on whole pixels are rounded as they were published.
    points_FKL2 = (((LATTICE - i - j) * v0 + j * v1 + i * v2) / LATTICE).round()
    x, y = points_FKL2.unbind(-1)
    seen_FKL = (x >= 0) & (x < width) & (y >= 0) & (y < height) & drawn_FK[..., None]
    frame, triangle, _ = seen_FKL.nonzero(as_tuple=True)
    pixel_P = (frame * height + y[seen_FKL].long()) * width + x[seen_FKL].long()
    return _on_top(pixel_P, triangle, len(drawn_FK), size)


def _on_top(pixel_P: Tensor, triangle_P: Tensor, frames: int, size: tuple[int, int]) -> Tensor:
    height, width = size
    winner = pixel_P.new_full((frames * height * width,), NONE)
    return winner.scatter_reduce_(0, pixel_P, triangle_P, "amax").view(frames, height, width)


def _expand(first_N: Tensor, count_N: Tensor) -> tuple[Tensor, Tensor]:
    """Runs first, first + 1, ..., of `count` numbers each, joined: whose run it is (M,), and the number (M,)."""
    owner_M = torch.repeat_interleave(count_N)
    before_N = count_N.cumsum(0) - count_N
    return owner_M, (first_N - before_N)[owner_M] + torch.arange(len(owner_M), device=owner_M.device)


def _crossed(corners_S32: Tensor, row_S: Tensor) -> tuple[Tensor, Tensor]:
    """Return the columns at which a row enters and leaves each triangle, (S,)."""
    start, end = corners_S32, corners_S32.roll(-1, dims=1)
    rise_S3 = end[..., 1] - start[..., 1]
    along_S3 = (row_S[:, None] - start[..., 1]) / torch.where(rise_S3 == 0, 1, rise_S3)
    column_S3 = start[..., 0] + along_S3.clamp(0, 1) * (end[..., 0] - start[..., 0])
    low, high = torch.minimum(start[..., 1], end[..., 1]), torch.maximum(start[..., 1], end[..., 1])
    crosses_S3 = (row_S[:, None] >= low - _EDGE) & (row_S[:, None] <= high + _EDGE)
    left_S = column_S3.masked_fill(~crosses_S3, float("inf")).amin(1)
    return left_S, column_S3.masked_fill(~crosses_S3, float("-inf")).amax(1)
