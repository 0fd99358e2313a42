"""The inputs of ST-DDL from a prepared clip. Training and inference both use this module, so they cannot differ.

`FaceSpec`, which belongs to the model, says how large the pictures are and which optical flow goes with them.
"""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from npvf.clip import CROP_SIZE
from npvf.data.transforms import resize
from npvf.faces.flow import flow_motion
from npvf.models.stddl.face_batch import FaceSpec


def face_pictures(face_THWC: np.ndarray, spec: FaceSpec) -> Tensor:
    """Crops (T, 224, 224, 3) uint8 RGB as the model's pictures, (T, 3, size, size) uint8 RGB."""
    return resize(face_THWC, spec.size)


def face_landmarks(landmarks_TN2: np.ndarray, spec: FaceSpec) -> Tensor:
    """Landmarks of a whole clip in pixels of the model's pictures, smoothed over time if the model asks for that.

    A pixel's centre is a whole number before and after, so half a pixel is added before the scaling and taken off
    after it. Smoothing needs the frames before and after: give it the whole clip, and take a window of the result.

    Shape:
        (T, 478, 2) in pixels of the crop -> (T, 478, 2) float32.
    """
    if spec.smoothing:
        landmarks_TN2 = gaussian_filter1d(landmarks_TN2, spec.smoothing, axis=0, mode="nearest")
    scaled_TN2 = (landmarks_TN2 + 0.5) * (spec.size / CROP_SIZE) - 0.5
    return torch.from_numpy(scaled_TN2.astype(np.float32))


def face_motion(frames_TCHW: Tensor, spec: FaceSpec) -> Tensor | None:
    """Optical flow from each picture to the next, in pixels: (T - 1, 2, H, W) float32.

    It is computed on the pictures as the model sees them, augmented and compressed. None where the model asks for no
    flow: Anchor-Mesh Motion it computes itself, from the landmarks.
    """
    if spec.flow is None:
        return None
    return torch.from_numpy(flow_motion(rearrange(frames_TCHW, "t c h w -> t h w c").numpy(), spec.flow))
