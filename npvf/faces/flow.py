"""Optical flow of a face, to compare with Anchor-Mesh Motion: the same shape and units, but from pixels."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal, get_args

import cv2
import numpy as np

from npvf.errors import MissingDependency

FlowMethod = Literal["dis", "farneback", "tvl1"]


def flow_motion(face_THWC: np.ndarray, method: FlowMethod = "dis") -> np.ndarray:
    """Compute the motion of each pixel to the next frame by optical flow on gray images.

    - `dis`: dense inverse search, OpenCV's medium preset.
    - `farneback`: polynomial expansion, with the values of OpenCV's tutorial.
    - `tvl1`: dual TV-L1, OpenCV's defaults: the finest of the three, and some hundred times slower.

    RAFT is not available: torchvision downloads its weights, and no wheel contains them.

    Args:
        face_THWC: uint8 RGB, T >= 2.
        method: as above.

    Shape:
        (T, H, W, 3) -> (T - 1, 2, H, W) float32: dx and dy in pixels.

    Raises:
        MissingDependency: OpenCV without its contributed modules (`tvl1`).
        ValueError: fewer than two frames, or no such method.
    """
    if len(face_THWC) < 2:
        raise ValueError("motion needs at least two frames")
    flow = _method(method)
    gray = [cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2GRAY) for frame_HWC in face_THWC]
    motion = [flow(now, after) for now, after in pairwise(gray)]
    return np.ascontiguousarray(np.stack(motion).transpose(0, 3, 1, 2))


def _method(name: FlowMethod) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a function from two gray frames (H, W) to the flow between them (H, W, 2), without state."""
    if name == "farneback":
        return lambda now, after: cv2.calcOpticalFlowFarneback(now, after, _NO_GUESS, 0.5, 3, 15, 3, 5, 1.2, 0)
    if name == "dis":
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        return lambda now, after: dis.calc(now, after, _NO_GUESS)
    if name == "tvl1":
        if not hasattr(cv2, "optflow"):
            raise MissingDependency("TV-L1 is among OpenCV's contributed modules: pip install opencv-contrib-python")
        tvl1 = cv2.optflow.DualTVL1OpticalFlow.create()
        return lambda now, after: tvl1.calc(now, after, _NO_GUESS)
    raise ValueError(f"flow {name!r} is none of {', '.join(get_args(FlowMethod))}")


_NO_GUESS: Any = None  # OpenCV's types ask for an output array
