"""Masks of whole videos: read by time, scaled, and refused where they belong to another video."""

from pathlib import Path

import numpy as np
import pytest

from npvf.errors import Reason, Refused
from npvf.io.masks import VideoMasks, mask_of, read_masks, write_masks
from npvf.media.encode import write_video

SIZE = (96, 160)


def bar(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W) bool: as many sixteenths of the width as the number says, modulo 16."""
    mask = np.zeros(size, bool)
    mask[:, : (number % 16 + 1) * size[1] // 16] = True
    return mask


def number_of(mask: np.ndarray) -> int:
    return round(mask.mean() * 16) - 1


def mask_video(path: Path, count: int, fps: float, size: tuple[int, int] = SIZE) -> Path:
    frames = (np.repeat(bar(k, size)[..., None], 3, axis=2).astype(np.uint8) * 255 for k in range(count))
    write_video(path, frames, fps=fps)
    return path


def test_a_file_of_masks_is_read_as_it_was_written(tmp_path):
    masks_THW = np.random.default_rng(0).random((7, 5, 13)) > 0.5
    write_masks(tmp_path / "a.mask.npz", masks_THW)
    np.testing.assert_array_equal(read_masks(tmp_path / "a.mask.npz"), masks_THW)


@pytest.mark.parametrize("fps", [25, 30, 50, 12.5])
def test_a_mask_video_is_paired_by_time_not_by_index(tmp_path, fps):
    masks = VideoMasks(mask_video(tmp_path / "m.mp4", round(2 * fps), fps), 50, SIZE)
    shown = [number_of(mask) for mask in masks.between(0, 50)]
    assert shown == [int(k / 25 * fps + 1e-6) % 16 for k in range(50)]
    assert [number_of(mask) for mask in masks.between(20, 31)] == shown[20:31]


def test_the_public_sample_has_a_mask_of_79_frames_for_a_video_of_95(tmp_path):
    """3.16 s at 25 fps beside 3.17 s at 30 fps, which is 80 frames at 25: the last mask holds on."""
    masks = VideoMasks(mask_video(tmp_path / "m.mp4", 79, 25), 80, SIZE)
    assert [number_of(mask) for mask in masks.between(0, 80)] == [k % 16 for k in [*range(79), 78]]
    assert [number_of(mask) for mask in masks.between(79, 80)] == [78 % 16]


@pytest.mark.parametrize("size", [(48, 80), (192, 320)])
def test_a_mask_of_another_size_is_scaled(tmp_path, size):
    write_masks(tmp_path / "a.mask.npz", [bar(k, size) for k in range(25)])
    masks = VideoMasks(tmp_path / "a.mask.npz", 25, SIZE)
    for k, mask in enumerate(masks.between(0, 25)):
        assert mask.shape == SIZE and mask.dtype == bool
        assert (mask != bar(k)).mean() <= 1 / SIZE[1]


def _noise(path: Path) -> None:
    write_video(path, [np.random.default_rng(k).integers(60, 190, (*SIZE, 3), np.uint8) for k in range(25)])


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("a.mask.npz", lambda path: None, "does not exist"),
        ("m.mp4", lambda path: None, "does not exist"),
        ("a.mask.npz", lambda path: path.write_bytes(b"no zip"), "cannot be read"),
        ("a.mask.npz", lambda path: np.savez(path, masks=np.ones(3)), "cannot be read"),
        ("m.mp4", lambda path: path.write_bytes(b"no video"), "cannot be decoded"),
        ("m.mp4", lambda path: mask_video(path, 19, 25), "has 19 frames"),
        ("m.mp4", lambda path: mask_video(path, 60, 25), "has more than 30 frames"),
        ("m.mp4", lambda path: mask_video(path, 25, 25, (96, 128)), "aspect ratios differ"),
        ("m.mp4", _noise, "is not a black-and-white mask"),
    ],
)
def test_a_mask_that_does_not_belong_is_refused(tmp_path, name, make, words):
    make(tmp_path / name)
    with pytest.raises(Refused, match=words) as refusal:
        VideoMasks(tmp_path / name, 25, SIZE)
    assert refusal.value.reason is Reason.BAD_MASK


def test_masks_are_looked_for_where_the_corpora_have_them(tmp_path):
    for video, mask in (
        ("own/a.mp4", "own/a.mask.npz"),
        ("Deepfakes/c23/videos/000_003.mp4", "Deepfakes/masks/videos/000_003.mp4"),
        ("fake/videos/fake_01.mp4", "fake/masks/fake_01.mp4"),
    ):
        place = tmp_path / mask
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        assert mask_of(tmp_path / video) == place
    assert mask_of(tmp_path / "real/videos/real_01.mp4") is None
