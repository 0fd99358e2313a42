"""Genuine windows forged on the spot: the mask says exactly where, and nothing else changes."""

from dataclasses import replace

import pytest
import torch

from npvf.clip import FAKE, REAL
from npvf.data.face_augment import FaceAugment
from npvf.data.face_sample import FaceSample
from npvf.data.face_windows import FaceTransform, FaceWindows, collate_faces
from npvf.data.self_blended import self_blended
from npvf.models.stddl.face_batch import FaceSpec
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


@pytest.mark.slow
def test_what_the_mask_leaves_out_is_the_faces_own(face):
    whole, forms = 0, []
    for seed in range(24):
        genuine, forged = self_blended(face, seeded(seed))
        assert (genuine.label, forged.label) == (REAL, FAKE)
        assert forged.mask_known and bool(forged.gate_T.all()) and not genuine.mask_THW.any()
        outside = ~forged.mask_THW[:, None].expand_as(face.frames_TCHW)
        assert torch.equal(forged.frames_TCHW[outside], face.frames_TCHW[outside])
        assert not torch.equal(forged.frames_TCHW, face.frames_TCHW)
        assert torch.equal(forged.landmarks_TN2, face.landmarks_TN2)
        assert bool((forged.mask_THW | ~forged.faint_THW).all())
        assert torch.equal(genuine.twin_THW, forged.mask_THW) and torch.equal(genuine.faint_THW, forged.faint_THW)
        whole += not torch.equal(genuine.frames_TCHW, face.frames_TCHW)
        forms.append(forged.mask_THW[0])
    assert 4 < whole < 20, "about half of the genuine versions are changed as a whole"
    share = torch.stack(forms).float().mean(0)
    assert share.max() < 0.8, "no place is forged most of the time"
    assert min(float(form.float().mean()) for form in forms) < 0.02 < 0.15 < max(float(f.float().mean()) for f in forms)


def test_the_same_draw_is_the_same_forgery_and_another_another(face):
    first, again, other = (self_blended(face, seeded(seed))[1] for seed in (3, 3, 4))
    assert torch.equal(first.frames_TCHW, again.frames_TCHW) and torch.equal(first.mask_THW, again.mask_THW)
    assert not torch.equal(first.frames_TCHW, other.frames_TCHW)


def test_a_face_outside_of_the_crop_stays_genuine(face):
    away = replace(face, landmarks_TN2=face.landmarks_TN2 + 1000)
    versions = self_blended(away, seeded(0))
    assert [version.label for version in versions] == [REAL, REAL] and versions[0].twin_THW is None


def test_a_genuine_clip_brings_its_forged_twin_seen_alike(face):
    windows = FaceWindows(FaceTransform(FaceSpec(128), FaceAugment(flip=0.0, h264=0.0)), length=2, self_blended=True)
    genuine, forged = windows.sample(face, seeded(5))
    assert (genuine.label, forged.label) == (REAL, FAKE)
    assert torch.equal(genuine.landmarks_TN2, forged.landmarks_TN2)
    apart = (genuine.frames_TCHW.int() - forged.frames_TCHW.int()).abs().amax(1)
    near = torch.nn.functional.max_pool2d(
        forged.mask_THW.float(), 7, 1, 3
    ).bool()  # blur and JPEG reach beyond the mask
    assert apart[forged.mask_THW].float().mean() > 4 * apart[~near].float().mean()


def test_the_faint_border_moves_with_the_mask_and_reaches_the_batch(face):
    moving = FaceAugment(shift=0.1, scale=0.1, flip=0.0, resolution=(0.7, 1.0), h264=0.0, jpeg=0.0)
    windows = FaceWindows(FaceTransform(FaceSpec(128), moving), length=2, self_blended=True)
    genuine, forged = next(pair for seed in range(9) if (pair := windows.sample(face, seeded(seed)))[1].faint_THW.any())
    assert torch.equal(genuine.twin_THW, forged.mask_THW), "both are moved alike"
    outside = forged.faint_THW & ~forged.mask_THW  # moved apart they round apart, by a pixel at the rim
    assert outside.sum() <= 0.05 * forged.faint_THW.sum()
    batch = collate_faces([genuine, forged])
    assert torch.equal(batch.faint_BTHW[1], forged.faint_THW)
    assert torch.equal(batch.twin_BTHW[0], forged.mask_THW) and not batch.twin_BTHW[1].any()
    plain = replace(genuine, faint_THW=None, twin_THW=None)
    assert collate_faces([plain]).faint_BTHW is None and collate_faces([plain]).twin_BTHW is None


def test_a_forged_clip_stays_as_it_is_and_so_does_everything_without_the_switch(face):
    forged = replace(face, label=FAKE, mask_THW=torch.ones_like(face.mask_THW))
    (visit,) = FaceWindows(FaceTransform(FaceSpec(128)), length=2, self_blended=True).sample(forged, seeded(0))
    assert bool(visit.mask_THW.all())
    assert len(FaceWindows(FaceTransform(FaceSpec(128)), length=2).sample(face, seeded(0))) == 1


def test_evaluation_sees_what_there_is(face):
    windows = FaceWindows(FaceTransform(FaceSpec(128)), length=2, self_blended=True)
    assert all(window.label == REAL for window in windows.whole(face))


def test_forgeries_are_made_at_the_size_of_the_crop_and_arrive_at_the_models(face):
    still = FaceAugment(
        shift=0, scale=0, rotation=0, flip=0, brightness=0, contrast=0, gamma=0, gray=0, blur=0, noise=0, jpeg=0
    )
    fine = FaceWindows(FaceTransform(FaceSpec(64), still, side=128), length=2, self_blended=True)
    pairs = [fine.sample(face, seeded(seed)) for seed in range(4)]
    for version in (version for pair in pairs for version in pair):
        assert version.frames_TCHW.shape == (2, 3, 64, 64) and version.mask_THW.shape == (2, 64, 64)
        assert version.landmarks_TN2.max() < 64
    at_once = [self_blended(face.window(0, 2), seeded(seed))[1] for seed in range(4)]
    assert all(made.mask_THW.shape == (2, 128, 128) for made in at_once), "as large as what it is made of"


def test_a_finer_source_than_the_crop(face):
    finer = FaceAugment(flip=0.0, resolution=(1.5, 1.5), h264=0.0, jpeg=0.0)
    camera = finer.camera(face, seeded(0))
    assert camera.side == 192 and camera.mask_THW.shape[-1] == 192
    assert finer.delivery(camera, 128, seeded(1)).side == 128
