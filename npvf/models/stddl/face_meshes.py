"""The two triangle meshes over MediaPipe's 478 face landmarks: the 68 anchors of ST-DDL, and a dense one.

`face_meshes.json` beside this file holds the numbers and says what they are.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Literal

import torch
from torch import Tensor

Mesh = Literal["anchors", "dense"]
ANCHORS = 68


def face_mesh(name: Mesh, points: int = 478) -> Tensor:
    """Triangles (K, 3) int64 in drawing order: numbers of landmarks.

    - `anchors`: the paper's, 88 triangles over 68 anchors, which overlap here and there. Of 478 or 468 points the
      anchors are looked up among MediaPipe's; 68 points are the anchors themselves.
    - `dense`: ours, 898 triangles over 468 points: MediaPipe's tessellation, and below it eyes and mouth.

    Args:
        name: which mesh.
        points: how many landmarks a face has.

    Raises:
        ValueError: there is no such mesh over so many points.
    """
    numbers = _numbers()
    if name == "anchors" and points == ANCHORS:
        return numbers["anchor_triangles"]
    if name == "anchors" and points in (468, 478):
        return numbers["anchor_points"][numbers["anchor_triangles"]]
    if name == "dense" and points in (468, 478):
        return torch.cat([numbers["dense_openings"], numbers["dense_skin"]])
    raise ValueError(
        f"there is no mesh {name!r} over {points} landmarks: 'anchors' takes 478, 468 or 68 points, 'dense' 478 or 468"
    )


@cache
def _numbers() -> dict[str, Tensor]:
    content = json.loads((files("npvf.models.stddl") / "face_meshes.json").read_text(encoding="utf-8"))
    return {name: torch.tensor(rows) for name, rows in content.items() if name != "about"}
