from dataclasses import replace

import cv2
import numpy as np
import pytest

from npvf.clip import CROP_SIZE
from npvf.detect.paste import MaskPiece, paste, source_masks
from npvf.faces.alignment import align

SIZE = (180, 140)  # width, height of the source


def turned(degrees: float, scale: float, centre: tuple[float, float]) -> np.ndarray:
    """A similarity that takes `centre` of the source to the middle of the crop."""
    transform = cv2.getRotationMatrix2D(centre, degrees, scale)
    transform[:, 2] += CROP_SIZE / 2 - np.array(centre)
    return transform.astype(np.float32)


def planted(x: float, y: float, radius: float) -> np.ndarray:
    """(H, W) bool: a disc on the source's pixels."""
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    return np.hypot(columns - x, rows - y) < radius


def overlap(mask_HW: np.ndarray, forged_HW: np.ndarray) -> float:
    called_HW = mask_HW >= 128
    return float((called_HW & forged_HW).sum() / (called_HW | forged_HW).sum())


@pytest.mark.parametrize("scale", [0.6, 1.0, 2.3, 5.0])
@pytest.mark.parametrize("resolution", [56, 112, 224, 448])
def test_a_mask_cut_with_the_face_lands_on_the_pixels_it_came_from(scale: float, resolution: int) -> None:
    radius = 45 / max(scale, 1)
    transform = turned(20, scale, (95, 70))
    forged_HW = planted(95 + radius / 2, 72, radius)
    mask_hw = align(forged_HW.astype(np.uint8) * 255, transform)
    mask_hw = cv2.resize(mask_hw, (resolution, resolution), interpolation=cv2.INTER_AREA)
    pasted_HW = paste(mask_hw, transform, SIZE)
    assert pasted_HW.shape == forged_HW.shape
    assert overlap(pasted_HW, forged_HW) > 0.93
    there, found = (np.argwhere(m).mean(0) for m in (forged_HW, pasted_HW >= 128))
    assert np.abs(there - found).max() < 0.25  # no drift of half a pixel by the sizes' ratio


def test_outside_the_crop_it_is_0_and_inside_all_of_it_arrives() -> None:
    transform = turned(0, 4.0, (90, 70))  # the crop shows 56 source pixels
    pasted_HW = paste(np.full((224, 224), 255, np.uint8), transform, SIZE)
    rows, columns = np.nonzero(pasted_HW)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx((42, 98, 62, 118), abs=1)
    assert (pasted_HW[44:96, 64:116] == 255).all()


def test_a_crop_that_reaches_beyond_the_picture_is_cut() -> None:
    pasted_HW = paste(np.full((64, 64), 200, np.uint8), turned(0, 1.0, (0, 0)), SIZE)
    assert pasted_HW[:100, :100].min() == 200 and pasted_HW[-1, -1] == 0


def piece(track: int, start: int, frames: int, level: int, centre: tuple[float, float]) -> MaskPiece:
    mask_Thw = np.full((frames, 32, 32), level, np.uint8)
    return MaskPiece(track, start, mask_Thw, np.tile(turned(0, 4.0, centre), (frames, 1, 1)))


def test_several_faces_are_joined_by_their_maximum_each_in_its_time() -> None:
    pieces = [piece(0, 0, 3, 100, (60, 70)), piece(1, 2, 3, 200, (90, 70))]
    masks = list(source_masks(pieces, 6, SIZE))
    assert [m.max() for m in masks] == [100, 100, 200, 200, 200, 0]
    assert masks[2][70, 45] == 100 and masks[2][70, 75] == 200 and masks[2][70, 100] == 200
    assert masks[3][70, 45] == 0


@pytest.mark.parametrize(("fps", "count"), [(25, 50), (50, 100), (30, 60), (12.5, 25)])
def test_at_another_rate_a_mask_is_shown_at_its_time(fps: float, count: int) -> None:
    flat = piece(0, 0, 50, 0, (90, 70))
    ramp = replace(flat, mask_Thw=np.arange(50, dtype=np.uint8)[:, None, None].repeat(8, 1).repeat(8, 2))
    shown = [int(m.max()) for m in source_masks([ramp], 50, SIZE, fps)]
    assert len(shown) == count
    assert shown == [int(k * 25 / fps + 1e-9) for k in range(count)]
