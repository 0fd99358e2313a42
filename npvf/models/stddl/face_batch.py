"""The inputs of ST-DDL: `FaceSpec` defines how they are made, `FaceBatch` contains them with their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from npvf.models.batch import Rows


@dataclass(frozen=True, slots=True)
class FaceSpec:
    """Defines how a prepared clip becomes inputs of ST-DDL (`npvf.data.face_inputs`); part of its configuration.

    Args:
        size: side of the face's picture in pixels.
        flow: the optical flow that comes with the pictures; None: the model asks for none.
        smoothing: standard deviation in frames by which landmarks are smoothed over time, 0 for none.
        mean, deviation: of grey levels in [0, 1], which `normalise` takes to mean 0 and deviation 1. By default RGB
            goes to [-1, 1], as ST-DDL and EfficientNet-Lite have it.
    """

    size: int
    flow: Literal["dis", "farneback", "tvl1"] | None = None
    smoothing: float = 0.0
    mean: float = 0.5
    deviation: float = 0.5

    def normalise(self, picture_NCHW: Tensor) -> Tensor:
        """uint8 to float32."""
        return picture_NCHW.float() / (255 * self.deviation) - self.mean / self.deviation


@dataclass(slots=True)
class FaceBatch(Rows):
    """B windows of T frames of one face each.

    Shapes:
        frames_BTCHW: uint8 RGB, square, of the model's size.
        landmarks_BTN2: float32, MediaPipe's 478 points in pixels of these frames.
        mask_BTHW: bool, the forged pixels; all False where they are not known.
        mask_known_B: bool. Of a real picture the mask is known: nothing is forged.
        label_B: long, of the picture alone: 0 real, 1 fake, -1 not known.
        faint_BTHW: bool, forged pixels that hardly differ from genuine ones; mask losses leave them out. None: unknown.
        twin_BTHW: bool, of a genuine window where its forged version in this batch is forged. None: no window has one.
        motion_BTCHW: float32, optical flow to the next frame in pixels, (B, T - 1, 2, H, W); None: not asked for.
    """

    frames_BTCHW: Tensor
    landmarks_BTN2: Tensor
    mask_BTHW: Tensor
    mask_known_B: Tensor
    label_B: Tensor
    keys: list[str]
    videos: list[str]
    identities: list[str | None]
    motion_BTCHW: Tensor | None = None
    faint_BTHW: Tensor | None = None
    twin_BTHW: Tensor | None = None
