import numpy as np
import pytest

from npvf.faces.geometry import STABLE, TEMPLATE_S2
from npvf.faces.lips import LIPS
from npvf.faces.tracks import TrackPiece
from npvf.prepare.crop_check import fault_of, is_flat

SIZE = (640, 360)


def piece(frames: int = 30) -> TrackPiece[np.ndarray]:
    """A textured crop with its lips in the lower half."""
    landmarks_TN2 = np.full((frames, 478, 2), 112.0, np.float32)
    landmarks_TN2[:, STABLE] += 46 * TEMPLATE_S2
    landmarks_TN2[:, LIPS] += np.linspace(-20, 40, len(LIPS))[:, None]
    face_THWC = np.tile(np.arange(224, dtype=np.uint8)[:, None, None], (frames, 1, 224, 3))
    transform_T23 = np.tile(np.eye(2, 3, dtype=np.float32), (frames, 1, 1))
    return TrackPiece(0, 0, face_THWC, landmarks_TN2, landmarks_TN2 + 50, transform_T23, np.ones(frames, np.float32))


def fault(piece: TrackPiece[np.ndarray]) -> str | None:
    return fault_of(piece, np.array([is_flat(face_HWC) for face_HWC in piece.crops]), SIZE)


def test_good_crops():
    assert fault(piece()) is None


@pytest.mark.parametrize(("bad", "is_fault"), [(6, False), (7, True), (30, True)])
def test_black_crops(bad, is_fault):
    black = piece()
    black.crops[:bad] = np.random.default_rng(0).integers(0, 3, (bad, 224, 224, 3))
    assert fault(black) == (f"are uniform in {bad} of 30 frames" if is_fault else None)


def test_dark_crops_are_not_black():
    dark = piece()
    dark.crops //= 16
    assert fault(dark) is None


def test_lips_outside_the_crop():
    """As with landmarks of another scale."""
    scaled = piece()
    scaled.landmarks_TN2 = scaled.landmarks_TN2 * 2
    assert fault(scaled) == "do not show the lips in 30 of 30 frames"


def test_lips_outside_the_picture():
    low = piece()
    low.source_landmarks_TN2[10:, :, 1] += 250
    assert fault(low) == "show lips that are outside the picture in 20 of 30 frames"
