"""Residuals that a forged patch changes: the energy of fine detail, and its colour against its surroundings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

FINE, COARSE, SURROUNDINGS = 3, 7, 31  # pixels, sides of the squares that means are taken over
POOL = 5
FLOOR = 0.3  # grey levels; less detail than that is none


def residuals(frames_NCHW: Tensor) -> Tensor:
    """Three maps in place of the colours. Whose face it is hardly shows in them, so little data teaches more.

    With Y the luma in grey levels, m_k the mean over k x k pixels and E(x) = log(m_5 |x| + 0.3):

    1. E(Y - m_3 Y), the energy of the finest detail, which warping, resampling and smoothing lower;
    2. E(Y - m_3 Y) - E(m_3 Y - m_7 Y), the same against that of coarser detail, which a plain wall lowers alike;
    3. (c - m_31 c) / 20 with c = R - B: colour against its surroundings.

    Not in the paper, whose networks see RGB and start from ImageNet.

    Shape:
        (N, 3, H, W) uint8 RGB -> (N, 3, H, W) float32, of order 1.
    """
    picture_NCHW = frames_NCHW.float()
    red, green, blue = picture_NCHW.split(1, dim=1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    fine, coarse = mean(luma, FINE), mean(luma, COARSE)
    finest = energy(luma - fine)
    colour = red - blue
    maps = (finest - 0.5, finest - energy(fine - coarse) + 1, (colour - mean(colour, SURROUNDINGS)) / 20)
    return torch.cat(maps, dim=1)


def energy(detail_N1HW: Tensor) -> Tensor:
    """Log of the mean size of a detail around each pixel."""
    return (mean(detail_N1HW.abs(), POOL) + FLOOR).log()


def mean(x_N1HW: Tensor, side: int) -> Tensor:
    """Over `side` x `side` pixels around each one; beyond the picture its edge goes on."""
    return avg_pool2d(pad(x_N1HW, (side // 2,) * 4, mode="replicate"), side, 1)
