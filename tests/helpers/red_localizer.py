"""A localizer without training, for tests of everything around the network: red pixels are forged."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from npvf.clip import Clip
from npvf.detect.calibration import Calibration
from npvf.detect.fusion import Fusion
from npvf.detect.localizer import Localizer, LocalizerSettings
from npvf.models.stddl.face_batch import FaceSpec
from npvf.models.stddl.stddl import STDDL, STDDLOutput

SETTINGS = LocalizerSettings(name="red", frames=6, calibration=Calibration(1.0, 0.0), undecided=0.0)

FUSION = Fusion(0.5, 2.0, 0.25, undecided=0.0)
MOUTH = (slice(140, 180), slice(84, 140))  # rows and columns of a face crop
TINY_STDDL = {
    "size": 32,
    "dim": 32,
    "heads": 2,
    "decoder": (8, 8),
    "motion": "none",
    "picture__width": 4,
    "picture__stem": 8,
}


class RedIsForged(nn.Module):
    def __init__(self, size: int = 64) -> None:
        super().__init__()
        self.config = SimpleNamespace(inputs=FaceSpec(size))
        self.gain = nn.Parameter(torch.tensor(0.1))

    def forward(self, frames_BTCHW: Tensor, landmarks_BTN2: Tensor, motion_BTCHW: None = None) -> STDDLOutput:
        red, green, blue = frames_BTCHW[:, :-1].float().unbind(2)
        mask_BTHW = self.gain * (red - torch.maximum(green, blue) - 100)
        frames_BT = 20 * (mask_BTHW > 0).float().mean((2, 3)) - 1
        return STDDLOutput(mask_BTHW, frames_BT, frames_BT.mean(1))


def red_localizer(**changes) -> Localizer:
    return Localizer(RedIsForged(), SETTINGS.configured(**changes))


def tiny_stddl(seed: int = 0) -> STDDL:
    torch.manual_seed(seed)
    return STDDL.create("stddl_nano", **TINY_STDDL)


def red_at(clip: Clip, place: tuple[slice, slice], frames: slice = slice(None)) -> Clip:
    face_THWC = np.full_like(clip.face_THWC, 120)
    face_THWC[(frames, *place)] = (255, 0, 0)
    oval = 112 + 80 * np.stack([f(np.linspace(0, 2 * np.pi, 478)) for f in (np.cos, np.sin)], -1)
    return replace(clip, face_THWC=face_THWC, landmarks_TN2=np.tile(oval.astype(np.float32), (clip.frames, 1, 1)))


def with_meta(clip: Clip, **meta: object) -> Clip:
    """The clip with other entries in its meta data."""
    return replace(clip, meta=replace(clip.meta, **meta))
