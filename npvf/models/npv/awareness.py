"""The phoneme-viseme awareness module: joint cross-attention that fuses a pair of streams (equations 9 to 14)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn

from npvf.clip import SEGMENT_FRAMES

Orientation = Literal["tokens", "features", "none"]


class Awareness(nn.Module):
    """Fuse a visual and an audio stream of S tokens, each seen through their joint representation J = [X_v ; X_a].

        M_v = tanh(X_v^T W_jv J / sqrt(d))          (9)    M_a likewise (10)
        H_v = ReLU(W_v X_v + W_mv M_v^T)            (12)   H_a likewise (11)
        X_v^att = W_hv H_v + X_v                    (13)   X_a^att likewise
        X_va = [X_v^att ; X_a^att]                  (14)

    Args:
        dim: width D of both streams; d = 2 D is the width of J.
        hidden: k, the width of H. 64 is a third party's value, not known to be the paper's.
        orientation: "tokens" is equations 9 to 14 as written, M is S x S. "features" is the joint cross-attention of
            Praveen et al. (CVPRW 2022), M is D x d and the weights act on time. Both scale by 1 / sqrt(d).
        tokens: S.

    Shape:
        visual (B, S, D), audio (B, S, D) -> the same pair, attended.
    """

    def __init__(
        self, dim: int, hidden: int = 64, orientation: Orientation = "tokens", tokens: int = SEGMENT_FRAMES
    ) -> None:
        super().__init__()
        if orientation not in ("tokens", "features"):
            raise ValueError(f"orientation {orientation!r} is neither tokens nor features")
        self.orientation = orientation
        if orientation == "tokens":
            sizes = {"dim": dim, "joint": 2 * dim, "rows": tokens}
        else:
            sizes = {"dim": tokens, "joint": tokens, "rows": 2 * dim}
        scale = 1 / math.sqrt(2 * dim)
        self.visual = _Branch(hidden=hidden, scale=scale, **sizes)
        self.audio = _Branch(hidden=hidden, scale=scale, **sizes)

    def forward(self, visual_BSD: Tensor, audio_BSD: Tensor) -> tuple[Tensor, Tensor]:
        joint_BSJ = torch.cat([visual_BSD, audio_BSD], dim=-1)
        if self.orientation == "tokens":
            return self.visual(visual_BSD, joint_BSJ), self.audio(audio_BSD, joint_BSJ)
        visual_BDS, audio_BDS, joint_BJS = (rearrange(x, "b s d -> b d s") for x in (visual_BSD, audio_BSD, joint_BSJ))
        attended = self.visual(visual_BDS, joint_BJS), self.audio(audio_BDS, joint_BJS)
        return rearrange(attended[0], "b d s -> b s d"), rearrange(attended[1], "b d s -> b s d")


def create_awareness(dim: int, hidden: int, orientation: Orientation) -> nn.Module:
    """An `Awareness`, or with "none" a module that hands both streams on as they are."""
    return Unfused() if orientation == "none" else Awareness(dim, hidden, orientation)


class Unfused(nn.Module):
    """No fusion: what the awareness module is compared with."""

    def forward(self, visual_BSD: Tensor, audio_BSD: Tensor) -> tuple[Tensor, Tensor]:
        return visual_BSD, audio_BSD


class _Branch(nn.Module):
    """One stream's half of equations 9 to 13, written for rows: X (B, R, dim), J (B, Q, joint), M (B, R, Q)."""

    def __init__(self, dim: int, joint: int, rows: int, hidden: int, scale: float) -> None:
        super().__init__()
        self.joint = nn.Linear(joint, dim, bias=False)  # W_j
        self.own = nn.Linear(dim, hidden, bias=False)  # W_v or W_a
        self.map = nn.Linear(rows, hidden, bias=False)  # W_mv or W_ma
        self.out = nn.Linear(hidden, dim, bias=False)  # W_hv or W_ha
        self.scale = scale

    def forward(self, x_BRD: Tensor, joint_BQJ: Tensor) -> Tensor:
        map_BRQ = torch.tanh(x_BRD @ rearrange(self.joint(joint_BQJ), "b q d -> b d q") * self.scale)
        hidden_BRK = torch.relu(self.own(x_BRD) + self.map(map_BRQ))
        return self.out(hidden_BRK) + x_BRD
