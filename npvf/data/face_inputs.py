"""The inputs of ST-DDL from a prepared clip. Training and inference both use this module, so they cannot differ.

`FaceSpec`, which belongs to the model, says how large the pictures are and which optical flow goes with them.
"""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from npvf.clip import CROP_SIZE, Clip
from npvf.data.transforms import resize
from npvf.faces.flow import flow_motion
from npvf.models.stddl.face_batch import FaceSpec


def face_inputs(clip: Clip, spec: FaceSpec, frames: np.ndarray | slice = slice(None)) -> tuple[Tensor, Tensor]:
    """Pictures and landmarks of a clip, or of the chosen `frames` of it, at the model's size.

    Returns:
        (T, 3, size, size) uint8 RGB, and (T, 478, 2) float32 in pixels of these pictures. A pixel's centre is a whole
        number before and after, so half a pixel is added before the scaling and taken off after it.
    """
    landmarks_TN2 = (clip.landmarks_TN2[frames] + 0.5) * (spec.size / CROP_SIZE) - 0.5
    return resize(clip.face_THWC[frames], spec.size), torch.from_numpy(landmarks_TN2.astype(np.float32))


def face_motion(frames_TCHW: Tensor, spec: FaceSpec) -> Tensor | None:
    """Optical flow from each picture to the next, in pixels: (T - 1, 2, H, W) float32.

    It is computed on the pictures as the model sees them, augmented and compressed. None where the model asks for no
    flow: Anchor-Mesh Motion it computes itself, from the landmarks.
    """
    if spec.flow is None:
        return None
    return torch.from_numpy(flow_motion(rearrange(frames_TCHW, "t c h w -> t h w c").numpy(), spec.flow))
