import cv2
import numpy as np
import pytest

from npvf.faces.alignment import (
    CROP_CENTRE,
    CROP_PX_PER_SIZE,
    RADIUS,
    align,
    apply_transform,
    face_pose,
    smoothed_transform,
)
from npvf.faces.geometry import STABLE, TEMPLATE_S2, face_centre, face_size
from npvf.faces.landmarks import Landmarker
from tests.helpers.astronaut import scene, with_head


def posed(scale: float, roll: float, x: float, y: float) -> np.ndarray:
    """Landmarks of the mean face, grown, turned and moved; the points that are not stable lie at its centre."""
    turn = scale * np.array([(np.cos(roll), -np.sin(roll)), (np.sin(roll), np.cos(roll))])
    landmarks_N2 = np.zeros((478, 2))
    landmarks_N2[STABLE] = TEMPLATE_S2
    return landmarks_N2 @ turn.T + (x, y)


@pytest.mark.parametrize("roll", [0.0, 0.5, -2.5, np.pi])
def test_a_face_lands_on_the_mean_face(roll: float) -> None:
    landmarks_N2 = posed(31, roll, 400, 300)
    transform = smoothed_transform(face_pose(landmarks_N2)[None], 0)
    expected = TEMPLATE_S2 * CROP_PX_PER_SIZE + CROP_CENTRE - CROP_PX_PER_SIZE * TEMPLATE_S2.mean(axis=0)
    np.testing.assert_allclose(apply_transform(transform, landmarks_N2)[STABLE], expected, atol=0.05)


def test_only_a_similarity_is_taken_out() -> None:
    rng = np.random.default_rng(0)
    poses = np.stack([face_pose(posed(*row)) for row in rng.uniform((20, -1, 0, 0), (40, 1, 500, 500), (21, 4))])
    linear = smoothed_transform(poses, 10)[:, :2].astype(float)
    scale = np.sqrt(np.linalg.det(linear))
    np.testing.assert_allclose(linear @ linear.T, scale**2 * np.eye(2), atol=1e-5)


def test_landmark_noise_is_smoothed_and_half_turns_do_not_cancel() -> None:
    rng = np.random.default_rng(0)
    clean = posed(30, np.pi, 400, 300)
    noisy = [clean + rng.normal(0, 1.0, clean.shape) for _ in range(2 * RADIUS + 1)]
    transform = smoothed_transform(np.stack([face_pose(n) for n in noisy]), RADIUS)
    error = apply_transform(transform, clean) - apply_transform(smoothed_transform(face_pose(clean)[None], 0), clean)
    assert np.abs(error).max() < 0.5


def test_what_the_mouth_does_leaves_size_and_place_alone() -> None:
    landmarks_N2 = posed(30, 0.2, 400, 300)
    size, centre = face_size(landmarks_N2), face_centre(landmarks_N2)
    landmarks_N2[[13, 14, 61, 291, 152, 17]] += 50
    assert face_size(landmarks_N2) == size == pytest.approx(30, rel=1e-2)
    np.testing.assert_array_equal(face_centre(landmarks_N2), centre)


@pytest.mark.parametrize("zoom", [0.5, 1.0, 3.4])
def test_the_crop_shows_what_the_transform_says(zoom: float) -> None:
    """A smooth picture, so that any resampling gives its true values back."""
    x, y = np.meshgrid(np.arange(900), np.arange(700))
    frame = np.stack([x / 4, y / 4, np.full_like(x, 7)], axis=-1).astype(np.uint8)
    transform = cv2.invertAffineTransform(np.array([(zoom, 0.1, 60.3), (-0.1, zoom, 90.6)])).astype(np.float32)
    crop = align(frame, transform)
    assert crop.shape == (224, 224, 3) and crop.dtype == np.uint8
    inverse = cv2.invertAffineTransform(transform.astype(float))
    u, v = np.meshgrid(np.arange(5, 185, 9), np.arange(5, 170, 9))
    source = np.stack([u, v], axis=-1) @ inverse[:, :2].T + inverse[:, 2]
    inside = (source >= 2).all(axis=-1) & (source < np.array((896, 696))).all(axis=-1)
    np.testing.assert_allclose(crop[v, u, :2][inside], source[inside] / 4, atol=1.3)


def test_a_large_face_is_not_aliased() -> None:
    stripes = np.zeros((1200, 1200, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = align(stripes, np.array([(0.2, 0, 0), (0, 0.2, 0)], np.float32))
    assert crop[20:200, 20:200].std() < 8


def test_brows_lips_and_chin_lie_inside_the_crop(landmarker: Landmarker) -> None:
    landmarker.reset()
    frame = with_head(scene(640, 480), 100, 100, scale=1.5)
    (face,) = landmarker.detect(frame, 0.0)
    transform = smoothed_transform(face_pose(face.landmarks_N2)[None], 0)
    points = apply_transform(transform, face.landmarks_N2)
    brow, chin = points[[105, 334]], points[152]
    assert (brow[:, 1] > 5).all() and 150 < chin[1] < 205
    assert 45 < points[291, 0] - points[61, 0] < 85
    landmarker.reset()
    (again,) = landmarker.detect(align(frame, transform), 0.0)
    np.testing.assert_allclose(again.landmarks_N2[STABLE], points[STABLE], atol=4)
