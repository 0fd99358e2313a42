"""What the network is given: the same in training and in inference, whatever the size, the stride and the flow."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from npvf.data.face_inputs import face_inputs, face_motion
from npvf.data.face_windows import FaceTransform, FaceWindows
from npvf.detect.localizer import Localizer, LocalizerSettings
from npvf.models import STDDL
from npvf.models.stddl.face_batch import FaceSpec
from tests.helpers.masked_corpus import masked_clip
from tests.helpers.red_localizer import RedIsForged


class Noting(RedIsForged):
    """Keeps what it is given."""

    def __init__(self, spec: FaceSpec) -> None:
        super().__init__()
        self.config, self.given = SimpleNamespace(inputs=spec), []

    def forward(self, frames_BTCHW, landmarks_BTN2, motion_BTCHW=None):
        self.given.append((frames_BTCHW[0], landmarks_BTN2[0], None if motion_BTCHW is None else motion_BTCHW[0]))
        return super().forward(frames_BTCHW, landmarks_BTN2)


@pytest.mark.parametrize("spec", [FaceSpec(64), FaceSpec(96, "dis"), FaceSpec(32, "farneback")])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_localizer_sees_a_window_as_validation_does(spec: FaceSpec, stride: int) -> None:
    clip, model = masked_clip("f", 3, True, frames=24), Noting(spec)
    windows = FaceWindows(FaceTransform(spec), length=4, stride=stride, every=3 * stride)
    validated = windows.whole(windows.transform.crop(clip))
    Localizer(model, LocalizerSettings(frames=4, stride=stride)).localize(clip)
    compared = 0
    for frames_TCHW, landmarks_TN2, motion_TCHW in model.given:
        same = [w for w in validated if torch.equal(w.landmarks_TN2, landmarks_TN2)]
        for window in same:
            assert torch.equal(window.frames_TCHW, frames_TCHW)
            assert (motion_TCHW is None) == (spec.flow is None)
            assert spec.flow is None or torch.equal(window.motion_TCHW, motion_TCHW)
        compared += len(same)
    assert compared >= 3


def test_chosen_frames_are_those_of_the_whole_clip_and_a_pixels_centre_stays_its_centre() -> None:
    clip, spec = masked_clip("f", 3, True), FaceSpec(56)
    whole, chosen = face_inputs(clip, spec), face_inputs(clip, spec, np.array([4, 7]))
    assert all(torch.equal(a[[4, 7]], b) for a, b in zip(whole, chosen, strict=True))
    assert_close(whole[1], torch.from_numpy((clip.landmarks_TN2 + 0.5) / 4 - 0.5))
    assert face_motion(whole[0], spec) is None
    assert face_motion(whole[0], FaceSpec(56, "dis")).shape == (29, 2, 56, 56)


@pytest.mark.parametrize(("motion", "flow"), [("anchor_mesh", None), ("none", None), ("flow", "tvl1")])
def test_a_model_says_what_it_is_given(motion: str, flow: str | None) -> None:
    config = STDDL.create("stddl_nano", motion=motion, flow="tvl1", size=64).config
    assert config.inputs == FaceSpec(64, flow)
