"""What the network is given: the same in training and in inference, whatever the size, the stride and the flow."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from npvf.data.face_inputs import face_landmarks, face_motion, face_pictures
from npvf.data.face_windows import FaceTransform, FaceWindows
from npvf.detect.localizer import Localizer, LocalizerSettings
from npvf.errors import NpvfError
from npvf.io.shards import encode_clip
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


@pytest.mark.parametrize(
    "spec", [FaceSpec(64), FaceSpec(96, "dis"), FaceSpec(32, "farneback"), FaceSpec(64, smoothing=1.5)]
)
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


def test_a_pixels_centre_stays_its_centre() -> None:
    clip, spec = masked_clip("f", 3, True), FaceSpec(56)
    pictures_TCHW = face_pictures(clip.face_THWC, spec)
    assert torch.equal(pictures_TCHW[[4, 7]], face_pictures(clip.face_THWC[[4, 7]], spec))
    assert_close(face_landmarks(clip.landmarks_TN2, spec), torch.from_numpy((clip.landmarks_TN2 + 0.5) / 4 - 0.5))
    assert face_motion(pictures_TCHW, spec) is None
    assert face_motion(pictures_TCHW, FaceSpec(56, "dis")).shape == (29, 2, 56, 56)


def test_smoothed_landmarks_lose_jitter_and_keep_a_steady_motion() -> None:
    steady_TN2 = np.arange(40.0)[:, None, None] * 0.1 + np.linspace(20, 200, 478)[:, None].repeat(2, 1)
    noise_TN2 = np.random.default_rng(0).normal(0, 0.3, steady_TN2.shape)
    rough, smooth = (face_landmarks(steady_TN2 + noise_TN2, FaceSpec(224, smoothing=s)).numpy() for s in (0.0, 1.5))
    inner = slice(8, -8)
    errors = [np.diff(points_TN2, axis=0)[inner] - 0.1 for points_TN2 in (rough, smooth)]
    assert errors[0].std() == pytest.approx(0.3 * 2**0.5, rel=0.05) and errors[1].std() < 0.1
    assert abs(errors[1].mean()) < 0.005


def test_a_window_has_the_smoothed_landmarks_of_the_whole_clip() -> None:
    clip, spec = masked_clip("f", 3, True, frames=24), FaceSpec(64, smoothing=1.5)
    transform = FaceTransform(spec)
    window = transform.crop_window(encode_clip(clip), 9, 3)
    assert_close(window.landmarks_TN2, transform.crop(clip).landmarks_TN2[9:12], atol=0.02, rtol=0)  # stored in 16 bits


@pytest.mark.parametrize(
    ("motion", "flow"), [("anchor_mesh", None), ("none", None), ("flow", "tvl1"), ("refined_mesh", "tvl1")]
)
def test_a_model_says_what_it_is_given(motion: str, flow: str | None) -> None:
    config = STDDL.create("stddl_nano", motion=motion, flow="tvl1", size=64).config
    assert config.inputs == FaceSpec(64, flow)
    smoothed = STDDL.create("stddl_nano", motion=motion, smoothing=2.0, size=64).config.inputs.smoothing
    assert smoothed == (2.0 if "mesh" in motion else 0.0)
    with pytest.raises(NpvfError, match="smoothing must not be below 0"):
        STDDL.create("stddl_nano", smoothing=-1.0)
