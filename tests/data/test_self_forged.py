"""Genuine windows forged on the spot: the mask says exactly where, and nothing else changes."""

from dataclasses import replace

import pytest
import torch

from npvf.clip import FAKE, REAL
from npvf.data.face_windows import FaceSample, FaceTransform, FaceWindows
from npvf.data.self_forged import self_forged
from npvf.synth.portrait import portrait


@pytest.fixture(scope="module")
def face() -> FaceSample:
    still, frames = portrait(128), 4
    return FaceSample(
        frames_TCHW=torch.from_numpy(still.picture_HWC).permute(2, 0, 1).repeat(frames, 1, 1, 1),
        landmarks_TN2=torch.from_numpy(still.landmarks_N2).repeat(frames, 1, 1),
        mask_THW=torch.zeros(frames, 128, 128, dtype=torch.bool),
        gate_T=torch.ones(frames, dtype=torch.bool),
        mask_known=True,
        label=REAL,
        key="k",
        video="v",
    )


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_what_the_mask_leaves_out_is_the_faces_own(face):
    changed = 0
    for seed in range(12):
        forged = self_forged(face, seeded(seed))
        assert forged.label == FAKE and forged.mask_known and bool(forged.gate_T.all())
        outside = ~forged.mask_THW[:, None].expand_as(face.frames_TCHW)
        assert torch.equal(forged.frames_TCHW[outside], face.frames_TCHW[outside])
        assert torch.equal(forged.landmarks_TN2, face.landmarks_TN2)
        assert 0.001 < float(forged.mask_THW.float().mean()) < 0.6
        changed += not torch.equal(forged.frames_TCHW, face.frames_TCHW)
    assert changed == 12


def test_the_same_draw_is_the_same_forgery_and_another_another(face):
    first, again, other = (self_forged(face, seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(first.frames_TCHW, again.frames_TCHW) and torch.equal(first.mask_THW, again.mask_THW)
    assert not torch.equal(first.frames_TCHW, other.frames_TCHW)


def test_a_face_outside_of_the_crop_stays_genuine(face):
    away = replace(face, landmarks_TN2=face.landmarks_TN2 + 1000)
    assert self_forged(away, seeded(0)) is away


@pytest.mark.parametrize(("probability", "fakes"), [(0.0, 0), (1.0, 20)])
def test_visits_of_genuine_clips_are_forged_and_those_of_forged_ones_are_not(face, probability, fakes):
    windows = FaceWindows(FaceTransform(128), length=2, self_forged=probability)
    visits = [windows.visit(face, seeded(seed)) for seed in range(20)]
    assert sum(visit.label == FAKE for visit in visits) == fakes
    forged = replace(face, label=FAKE, mask_THW=torch.ones_like(face.mask_THW))
    assert all(bool(windows.visit(forged, seeded(seed)).mask_THW.all()) for seed in range(5))


def test_evaluation_sees_what_there_is(face):
    windows = FaceWindows(FaceTransform(128), length=2, self_forged=1.0)
    assert all(window.label == REAL for window in windows.whole(face))
