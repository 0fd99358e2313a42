"""Pictures, landmarks, masks and motion move together."""

from math import radians

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from npvf.clip import FAKE
from npvf.data.augment import AffineChange, warp
from npvf.data.face_augment import FaceAugment, compress, compress_video, warp_mask, warp_points
from npvf.data.face_sample import FaceSample
from npvf.data.face_windows import FaceTransform
from npvf.data.mirror import mirror_order
from npvf.data.sampling import seeded
from npvf.faces.flow import flow_motion
from npvf.models.stddl.anchor_mesh_motion import anchor_mesh_motion
from npvf.models.stddl.face_batch import FaceSpec
from npvf.models.stddl.face_meshes import face_mesh
from tests.helpers.masked_corpus import face_points

STILL = AffineChange(0.0, 0.0, 1.0, 0.0, False)
MIRROR = AffineChange(0.0, 0.0, 1.0, 0.0, True)
ANY = AffineChange(0.05, -0.04, 1.1, radians(8), True)


@pytest.mark.parametrize("points", [68, 478])
def test_mirrored_twice_is_the_identity(points):
    order = mirror_order(points)
    assert np.array_equal(order[order], np.arange(points)) and not np.array_equal(order, np.arange(points))
    landmarks = torch.rand(2, points, 2) * 96
    for affine in (MIRROR, AffineChange(0.0, 0.0, 1.0, 0.0, True)):
        assert_close(warp_points(warp_points(landmarks, 96, affine), 96, affine), landmarks, atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="not known"):
        mirror_order(70)


def test_the_two_orders_agree_on_the_anchors():
    anchors_of = face_mesh("anchors", 478), face_mesh("anchors", 68)
    place = dict(zip(anchors_of[1].flatten().tolist(), anchors_of[0].flatten().tolist(), strict=True))
    assert len(place) > 50
    both = [i for i in place if int(mirror_order(68)[i]) in place]
    assert all(place[int(mirror_order(68)[i])] == mirror_order(478)[place[i]] for i in both)


def test_a_mirrored_face_has_its_left_eye_on_the_left():
    points = torch.from_numpy(face_points()).float()[None]
    mirrored = warp_points(points, 224, MIRROR)
    for left, right in ((33, 263), (61, 291), (234, 454)):
        assert (points[0, left, 0] < points[0, right, 0]) and (mirrored[0, left, 0] < mirrored[0, right, 0])
        assert_close(mirrored[0, left, 0], 223 - points[0, right, 0])


@pytest.mark.parametrize("affine", [STILL, MIRROR, ANY, ANY._replace(flip=False)])
def test_landmarks_and_masks_lie_where_the_picture_shows_them(affine):
    """A dot in the picture is found where its landmark says."""
    size, places = 96, torch.tensor([[30.0, 40.0], [60.0, 35.0], [48.0, 70.0]])
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    landmarks = torch.zeros(1, 68, 2)
    used = [36, 45, 51]  # an eye, the other one, and the middle of the upper lip
    landmarks[0, used] = places
    moved = warp_points(landmarks, size, affine)[0]
    for i, (x, y) in zip(used, places, strict=True):
        dot = torch.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)
        shown = warp(255 * dot[None, None], size, affine)[0, 0]
        found = torch.stack([(shown * axis).sum() / shown.sum() for axis in (columns, rows)])
        assert_close(found, moved[mirror_order(68)[i] if affine.flip else i], atol=0.1, rtol=0)
        mask = warp_mask(dot[None] > 0.5, affine)[0]
        centre = torch.stack([axis[mask].float().mean() for axis in (columns, rows)])
        assert_close(centre, found, atol=0.35, rtol=0)


@pytest.mark.parametrize("mesh", ["anchors", "dense"])
def test_the_motion_of_a_mirrored_clip_is_the_mirrored_motion(mesh):
    """Whatever a face does; meshes are not quite symmetric, so triangles at their edges may differ."""
    size, still = 128, torch.from_numpy(face_points()).float() * 128 / 224
    turn = torch.tensor([[1.01, 0.02], [-0.02, 0.99]])
    clip = torch.stack([still, still @ turn + torch.tensor([0.7, -0.4])])[None]
    motion = anchor_mesh_motion(clip, size, mesh)
    mirrored = anchor_mesh_motion(warp_points(clip[0], size, MIRROR)[None], size, mesh)
    expected = motion.flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]
    both = (mirrored != 0).any(2, keepdim=True) & (expected != 0).any(2, keepdim=True)
    assert both.sum() > 0.9 * (motion != 0).any(2).sum() > 1000
    assert_close(mirrored[both.expand_as(mirrored)], expected[both.expand_as(expected)], atol=2e-3, rtol=0)


def test_optical_flow_of_a_mirrored_clip_is_about_the_mirrored_flow():
    rng = np.random.default_rng(0)
    texture = torch.nn.functional.interpolate(torch.from_numpy(rng.random((1, 3, 24, 24))), 140, mode="bicubic")
    texture = (texture.clamp(0, 1) * 255).byte()[0]
    frames = torch.stack([texture[:, 5:101, 5:101], texture[:, 4:100, 7:103]])  # content moves by (-2, 1)
    flow = flow_motion(frames.permute(0, 2, 3, 1).numpy())
    mirrored = flow_motion(frames.flip(-1).permute(0, 2, 3, 1).numpy())
    inside = (slice(None), slice(16, -16), slice(16, -16))
    assert np.abs(flow[0][inside].mean((1, 2)) - (-2, 1)).max() < 0.2
    assert np.abs(mirrored[0][inside].mean((1, 2)) - (2, 1)).max() < 0.2


def sample_of(frames: torch.Tensor, landmarks: torch.Tensor, mask: torch.Tensor) -> FaceSample:
    return FaceSample(frames, landmarks, mask, torch.ones(len(frames), dtype=torch.bool), True, FAKE, "k", "v")


def test_all_frames_share_their_parameters():
    frames = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8).expand(3, -1, -1, -1).contiguous()
    landmarks, mask = torch.rand(1, 478, 2).expand(3, -1, -1) * 64, torch.rand(1, 64, 64).expand(3, -1, -1) < 0.2
    transform = FaceTransform(FaceSpec(64), FaceAugment(noise=0.0, jpeg=1.0, resolution=(0.5, 1.0)))
    seen = set()
    for seed in range(4):
        changed = transform.augment(sample_of(frames, landmarks, mask), torch.Generator().manual_seed(seed))
        assert changed.frames_TCHW.dtype == torch.uint8 and changed.mask_THW.dtype == torch.bool
        for value in (changed.frames_TCHW, changed.landmarks_TN2, changed.mask_THW):
            assert torch.equal(value[0], value[1]) and torch.equal(value[0], value[2])
        seen.add(int(changed.frames_TCHW.sum()))
    assert len(seen) == 4


def test_a_lower_resolution_on_the_way_keeps_everything_in_its_place():
    """A dot in the picture is where its landmark and its mask say, while it is small and when it is large again."""
    rows, columns = torch.meshgrid(torch.arange(96), torch.arange(96), indexing="ij")
    dot = torch.exp(-((columns - 61) ** 2 + (rows - 32) ** 2) / 18)
    landmarks = torch.tensor([61.0, 32.0]).expand(2, 478, 2)
    sample = sample_of((255 * dot).byte().expand(2, 3, -1, -1), landmarks, (dot > 0.5).expand(2, -1, -1))
    still = dict.fromkeys(("shift", "scale", "rotation", "flip", "brightness", "contrast", "gamma", "gray"), 0.0)
    augment = FaceAugment(**still, blur=0.0, noise=0.0, jpeg=0.0, resolution=(0.5, 1.0))
    small = augment.camera(sample, torch.Generator().manual_seed(3))
    large = augment.delivery(small, 96, torch.Generator().manual_seed(4))
    assert 48 <= small.side < 90 and small.side % 2 == 0 and large.side == 96
    for seen in (small, large):
        light = seen.frames_TCHW[0, 0].double()
        axes = torch.meshgrid(torch.arange(seen.side), torch.arange(seen.side), indexing="ij")
        found = torch.stack([(light * axis).sum() / light.sum() for axis in reversed(axes)])
        assert_close(found.float(), seen.landmarks_TN2[0, 0], atol=0.15, rtol=0)
        centre = torch.stack([axis[seen.mask_THW[0]].float().mean() for axis in reversed(axes)])
        assert_close(centre, found.float(), atol=0.4, rtol=0)


def test_jpeg_loses_more_at_lower_quality():
    smooth = torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8) * 255, 64, mode="bilinear").byte()
    lost = [(compress(smooth, quality).float() - smooth.float()).abs().mean() for quality in (95, 60, 10)]
    assert lost[0] < lost[1] < lost[2] and compress(smooth, 95).shape == smooth.shape


def test_h264_loses_more_at_a_higher_crf_and_is_a_choice():
    smooth = torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8) * 255, 64, mode="bilinear").byte()
    lost = [(compress_video(smooth, crf).float() - smooth.float()).abs().mean() for crf in (5, 25, 45)]
    assert lost[0] < lost[1] < lost[2] and compress_video(smooth, 5).shape == smooth.shape
    landmarks, mask = torch.zeros(2, 478, 2), torch.zeros(2, 64, 64, dtype=torch.bool)
    sample = sample_of(smooth, landmarks, mask)
    transforms = (FaceTransform(FaceSpec(64), FaceAugment(jpeg=0.0, h264=h264)) for h264 in (0, 1))
    plain, through = (transform.augment(sample, seeded(1)).frames_TCHW for transform in transforms)
    assert not torch.equal(plain, through) and (plain.int() - through.int()).abs().float().mean() < 20
