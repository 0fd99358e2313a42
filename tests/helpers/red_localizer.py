"""A localizer that learnt nothing: what is red is forged. For tests of everything around the network."""

from types import SimpleNamespace

import torch
from torch import Tensor, nn

from npvf.detect.calibration import Calibration
from npvf.detect.localizer import Localizer, LocalizerSettings
from npvf.models.stddl.face_batch import FaceSpec
from npvf.models.stddl.stddl import STDDLOutput

SETTINGS = LocalizerSettings(name="red", frames=6, calibration=Calibration(1.0, 0.0), undecided=0.0)


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
    return Localizer(RedIsForged(), LocalizerSettings(**{**vars_of(SETTINGS), **changes}))


def vars_of(settings: LocalizerSettings) -> dict:
    return {name: getattr(settings, name) for name in settings.__slots__}
