import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.interpolate import RBFInterpolator
from torch.testing import assert_close

from benchmarks.published_motion import published_motion, spline
from npvf.models.stddl.anchor_mesh_motion import anchor_mesh_motion, normalise_motion, refined_mesh_motion
from npvf.models.stddl.face_meshes import face_mesh
from npvf.models.stddl.rasterise import NONE, filled
from npvf.synth.portrait import portrait

CLIPS = Path(os.environ.get("NPVF_CLIPS", "/nonexistent"))


@pytest.fixture(scope="module")
def face_N2() -> torch.Tensor:
    """468 landmarks of the astronaut, filling 96 x 96 pixels, and the irises' ten."""
    points = torch.from_numpy(portrait(96).landmarks_N2).double()
    low, high = points.amin(0), points.amax(0)
    points = (points - low) / (high - low).max() * 88 + 4
    return torch.cat([points, points[:10]])


def grid_points(height: int, width: int) -> torch.Tensor:
    """(2, H, W): x and y of each pixel."""
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    return torch.stack([x, y])


def jitter(face_N2: torch.Tensor, frames: int, seed: int = 0, pixels: float = 1.0) -> torch.Tensor:
    noise = torch.randn(frames, *face_N2.shape, generator=torch.Generator().manual_seed(seed), dtype=face_N2.dtype)
    return face_N2 + pixels * noise


@pytest.mark.parametrize("mesh", ["anchors", "dense"])
@pytest.mark.parametrize(
    ("linear", "shift"),
    [
        (((1, 0), (0, 1)), (0.3, -1.7)),  # a translation
        (((0.96, -0.28), (0.28, 0.96)), (9, -11)),  # a rotation
        (((1.1, 0), (0, 1.1)), (-4, -4)),  # a scaling
        (((1.05, 0.2), (-0.1, 0.9)), (0.25, 3)),
    ],
)
def test_an_affine_map_is_reproduced_exactly(face_N2, mesh, linear, shift):
    linear, shift = torch.tensor(linear).double(), torch.tensor(shift).double()
    motion_2HW = anchor_mesh_motion(torch.stack([face_N2, face_N2 @ linear.T + shift])[None], 96, mesh)[0, 0]
    points_2HW = grid_points(96, 96)
    expected = torch.einsum("ij,jhw->ihw", linear, points_2HW) + shift[:, None, None] - points_2HW
    covered = (motion_2HW != 0).any(0)
    assert covered.double().mean() > 0.3
    assert_close(motion_2HW[:, covered], expected[:, covered], atol=1e-9, rtol=0)


def test_agrees_with_a_thin_plate_spline_through_three_points():
    g = np.random.default_rng(0)
    source, target = g.uniform(0, 40, (3, 2)), g.uniform(0, 40, (3, 2))
    landmarks = torch.from_numpy(np.stack([source, target]))[None]
    motion_HW2 = anchor_mesh_motion(landmarks.float(), 40, torch.tensor([[0, 1, 2]]))[0, 0].permute(1, 2, 0).numpy()
    y, x = np.nonzero(motion_HW2.any(-1))
    points = np.column_stack([x, y]).astype(float)
    assert len(points) > 50
    by_scipy = RBFInterpolator(source, target, kernel="thin_plate_spline")(points) - points
    np.testing.assert_allclose(motion_HW2[y, x], by_scipy, atol=1e-4)
    np.testing.assert_allclose(spline(source, target, points) - points, by_scipy, atol=1e-8)


@pytest.mark.parametrize("mesh", ["anchors", "dense"])
def test_the_lattice_is_the_published_one(face_N2, mesh):
    landmarks = jitter(face_N2, 2)
    triangles = face_mesh(mesh)[:120]
    published_HW2, _ = published_motion(*landmarks.numpy(), triangles.tolist(), (96, 80))
    motion = anchor_mesh_motion(landmarks[None], (96, 80), triangles, fill="lattice")[0, 0]
    np.testing.assert_allclose(motion.permute(1, 2, 0), published_HW2, atol=1e-6)


def test_the_filled_field_agrees_with_the_published_one_on_its_lattice(face_N2):
    assert_agrees(jitter(face_N2, 2, pixels=0.2) * 4, (384, 384))


@pytest.mark.skipif(not (CLIPS / "grid").exists(), reason="NPVF_CLIPS names no folder with grid/")
def test_the_filled_field_agrees_with_the_published_one_on_real_landmarks():
    from npvf.faces.landmarks import Landmarker
    from npvf.media import iter_frames

    with Landmarker() as landmarker:
        for video in sorted((CLIPS / "grid" / "speakers").glob("*.mp*"))[:3]:
            frames = islice(iter_frames(video), 30, 33)
            tracks = [landmarker.detect(frame, t / 25)[0].landmarks_N2 for t, frame in enumerate(frames)]
            points = np.stack(tracks).astype(float)
            low, side = points[0].min(0) - 0.1 * np.ptp(points[0], axis=0), 1.2 * np.ptp(points[0], axis=0).max()
            assert_agrees(torch.from_numpy((points[-2:] - low) / side * 512), (512, 512))


def assert_agrees(landmarks_TN2: torch.Tensor, size: tuple[int, int]) -> None:
    """Where the triangle that the published code drew last is also the last that covers the pixel, both say the same.

    The other pixels are those which it draws, by rounding, just outside a triangle, and those of overlaps where its
    later triangle has a hole.
    """
    triangles = face_mesh("anchors", landmarks_TN2.shape[1])
    published_HW2, winner_HW = published_motion(*landmarks_TN2.numpy(), triangles.tolist(), size)
    motion_HW2 = anchor_mesh_motion(landmarks_TN2[None].float(), size)[0, 0].permute(1, 2, 0).numpy()
    corners = landmarks_TN2[:1, triangles]
    owner_HW = filled(corners, torch.ones(corners.shape[:2], dtype=torch.bool), size)[0].numpy()
    drawn_HW = winner_HW != NONE
    same_HW = drawn_HW & (owner_HW == winner_HW)
    error_HW = np.abs(motion_HW2 - published_HW2).max(-1)
    assert drawn_HW.sum() > 20_000
    assert same_HW.sum() > 0.93 * drawn_HW.sum()
    assert error_HW[same_HW].max() < 1e-3
    assert np.mean(error_HW[drawn_HW] < 0.05) > 0.95


@pytest.mark.parametrize(("mesh", "fill"), [("anchors", "triangles"), ("dense", "triangles"), ("anchors", "lattice")])
def test_a_face_half_outside_is_cut_off(face_N2, mesh, fill):
    landmarks = jitter(face_N2, 2)[None]
    size, margin = 96, 200
    whole = anchor_mesh_motion(landmarks + margin, size + 2 * margin, mesh, fill)
    for dx, dy in ((0, 0), (-50, 0), (60, 45), (0, -70), (1e6, 1e6), (-500, 0)):
        motion = anchor_mesh_motion(landmarks + torch.tensor([dx, dy]), size, mesh, fill)
        assert torch.isfinite(motion).all()
        x, y = margin - dx, margin - dy
        inside = max(abs(dx), abs(dy)) < margin
        assert_close(motion, whole[..., y : y + size, x : x + size] if inside else torch.zeros_like(motion))


def test_no_holes(face_N2):
    """Inside the face's outline every pixel is covered, wherever edges and corners come to lie."""
    for scale, shift in ((0.25, 0.0), (1.0, 0.5), (2.0, 1 / 3)):
        landmarks = face_N2.mul(scale).add(shift).mul(8).round().div(8).float()  # many points right on pixels
        corners = landmarks[face_mesh("dense")][None]
        owner_HW = filled(corners, torch.ones(corners.shape[:2], dtype=torch.bool), (200, 200))[0]
        labels, count = ndimage.label(owner_HW.numpy() == NONE)
        assert count == 1, f"{count - 1} holes"
        assert (labels == 0).sum() > 300


def test_neighbours_share_their_edge_without_a_gap():
    g = torch.Generator().manual_seed(0)
    for _ in range(50):  # a fan around an inner point covers its square whole
        centre = 0.5 + 19 * torch.rand(2, generator=g)
        corners = torch.stack([torch.tensor(p, dtype=torch.float32) for p in ((0, 0), (20, 0), (20, 20), (0, 20))])
        fan = torch.stack([torch.stack([centre, corners[i], corners[(i + 1) % 4]]) for i in range(4)])[None]
        assert (filled(fan, torch.ones(1, 4, dtype=torch.bool), (21, 21)) != NONE).all()


def test_later_triangles_lie_on_earlier_ones():
    low = torch.tensor([[0.0, 0.0], [19.0, 0.0], [0.0, 19.0]])
    landmarks = torch.cat([low, low])[None].repeat(2, 1, 1)
    landmarks[1, :3] += torch.tensor([1.0, 0.0])
    landmarks[1, 3:] += torch.tensor([0.0, 2.0])
    first_below = anchor_mesh_motion(landmarks[None], 20, torch.tensor([[0, 1, 2], [3, 4, 5]]))[0, 0]
    second_below = anchor_mesh_motion(landmarks[None], 20, torch.tensor([[3, 4, 5], [0, 1, 2]]))[0, 0]
    assert_close(first_below[:, 5, 5], torch.tensor([0.0, 2.0]))
    assert_close(second_below[:, 5, 5], torch.tensor([1.0, 0.0]))


def test_degenerate_triangles_are_not_drawn():
    points = torch.tensor([[2.0, 2.0], [10.0, 10.0], [18.0, 18.0], [2.0, 18.0]])
    landmarks = torch.stack([points, points + torch.tensor([1.0, 0.0])])[None].requires_grad_()
    assert anchor_mesh_motion(landmarks, 20, torch.tensor([[0, 1, 2], [1, 1, 1]])).count_nonzero() == 0
    motion = anchor_mesh_motion(landmarks, 20, torch.tensor([[0, 2, 3], [0, 1, 2]]))
    assert_close(motion[0, 0, :, 10, 9], torch.tensor([1.0, 0.0]))
    motion.sum().backward()
    assert torch.isfinite(landmarks.grad).all()


@pytest.mark.slow
@pytest.mark.parametrize("fill", ["triangles", "lattice"])
def test_a_batch_is_its_clips_one_by_one(face_N2, fill):
    clips = torch.stack([jitter(face_N2, 12, seed) for seed in range(2)]).float()
    together = anchor_mesh_motion(clips, (90, 96), fill=fill)
    assert together.shape == (2, 11, 2, 90, 96)
    for clip, motion in zip(clips, together, strict=True):
        for t in range(11):
            assert_close(anchor_mesh_motion(clip[None, t : t + 2], (90, 96), fill=fill)[0, 0], motion[t])


@pytest.mark.parametrize("fill", ["triangles", "lattice"])
def test_mixed_precision_leaves_it_alone(face_N2, fill):
    landmarks = jitter(face_N2, 2)[None].float()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = anchor_mesh_motion(landmarks, 96, fill=fill)
    assert_close(mixed, anchor_mesh_motion(landmarks, 96, fill=fill), atol=0, rtol=0)


@pytest.mark.slow
def test_gradients(face_N2):
    face = torch.tensor([[1.3, 1.2], [10.1, 2.4], [3.2, 11.6], [9.7, 9.2]], dtype=torch.float64)
    landmarks = jitter(face, 3, pixels=0.3)[None].requires_grad_()
    mesh = torch.tensor([[0, 1, 2], [1, 2, 3]])
    for fill in ("triangles", "lattice"):
        assert torch.autograd.gradcheck(lambda x, fill=fill: anchor_mesh_motion(x, 12, mesh, fill), landmarks)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("mesh", ["anchors", "dense"])
def test_a_gpu_says_the_same(face_N2, mesh):
    landmarks = jitter(face_N2, 9)[None].float() * 2
    assert_close(anchor_mesh_motion(landmarks.cuda(), 192, mesh).cpu(), anchor_mesh_motion(landmarks, 192, mesh))


def test_what_does_not_fit_is_refused(face_N2):
    landmarks = jitter(face_N2, 2)[None]
    with pytest.raises(ValueError, match="two frames"):
        anchor_mesh_motion(landmarks[:, :1], 96)
    with pytest.raises(ValueError, match="no mesh"):
        anchor_mesh_motion(landmarks[:, :, :67], 96)
    with pytest.raises(ValueError, match="beyond the 478"):
        anchor_mesh_motion(landmarks, 96, torch.tensor([[0, 1, 478]]))
    with pytest.raises(ValueError, match="neither triangles nor lattice"):
        anchor_mesh_motion(landmarks, 96, fill="dots")
    landmarks[0, 1, 5] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        anchor_mesh_motion(landmarks, 96)


def test_normalised_within_each_clip(face_N2):
    motion = anchor_mesh_motion(torch.stack([jitter(face_N2, 4), jitter(face_N2, 4, pixels=9.0)]), 96)
    normal = normalise_motion(motion)
    assert_close(normal.mean((1, 3, 4)), torch.zeros(2, 2).double(), atol=1e-9, rtol=0)
    assert_close(normal.std((1, 3, 4), correction=0), torch.ones(2, 2).double())
    assert_close(normal[:1], normalise_motion(motion[:1]))  # whatever its neighbours are
    assert normalise_motion(torch.zeros(1, 2, 2, 8, 8)).count_nonzero() == 0


@pytest.mark.parametrize("mesh", ["anchors", "dense"])
def test_a_mesh_refined_by_the_true_flow_is_the_mesh_of_the_true_landmarks(face_N2, mesh):
    linear, shift = torch.tensor(((1.05, 0.02), (-0.03, 0.97))).double(), torch.tensor((0.4, -1.2)).double()
    flow_2HW = torch.einsum("ij,jhw->ihw", linear - torch.eye(2), grid_points(96, 96)) + shift[:, None, None]
    after_N2 = face_N2 @ linear.T + shift
    true = anchor_mesh_motion(torch.stack([face_N2, after_N2])[None], 96, mesh)
    noisy = torch.stack([face_N2, jitter(after_N2, 1)[0]])[None]  # where the next frame's were found does not count
    assert_close(refined_mesh_motion(noisy, flow_2HW[None, None], mesh), true, atol=1e-9, rtol=0)


def test_refined_clips_and_pairs_do_not_see_each_other(face_N2):
    clips, flow = torch.stack([jitter(face_N2, 4), jitter(face_N2, 4, seed=1)]), torch.randn(2, 3, 2, 90, 96)
    together = refined_mesh_motion(clips, flow)
    for b in range(2):
        for t in range(3):
            alone = refined_mesh_motion(clips[b : b + 1, t : t + 2], flow[b : b + 1, t : t + 1])
            assert_close(alone[0, 0], together[b, t])


def test_a_flow_of_other_frames_is_refused(face_N2):
    with pytest.raises(ValueError, match="flow must be"):
        refined_mesh_motion(jitter(face_N2, 3)[None], torch.zeros(1, 3, 2, 96, 96).double())
    with pytest.raises(ValueError, match="flow is not finite"):
        refined_mesh_motion(jitter(face_N2, 2)[None], torch.full((1, 1, 2, 96, 96), float("nan")))
    with pytest.raises(ValueError, match="at least two frames"):
        refined_mesh_motion(jitter(face_N2, 1)[None], torch.zeros(1, 0, 2, 96, 96))
