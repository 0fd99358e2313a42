"""Masks out of a forgery and its original, on a forgery whose exact masks are known."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from npvf.cli.main import main
from npvf.errors import NpvfError
from npvf.forge.self_blend import self_blend
from npvf.forge.source_video import SourceVideo
from npvf.io.annotations import Annotation
from npvf.io.masks import mask_of, read_masks
from npvf.media.decode import iter_frames
from npvf.media.encode import write_video
from npvf.prepare.difference import _check, pair
from npvf.prepare.mask_sheet import contact_sheet

FRAMES = 25
SOUND_N = np.full(FRAMES * 640, 0.1, np.float32)
EARLIER = 6  # frames of the original before the forgery begins


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, np.ndarray]:
    """A forgery of a swaying portrait, its original, and the exact masks; both as H.264, on their own."""
    data = pytest.importorskip("skimage.data")
    folder = tmp_path_factory.mktemp("films")
    portrait = np.ascontiguousarray(data.astronaut()[:256, 64:384])
    shifts = [np.array([(1, 0, 6 * np.sin(k / 7)), (0, 1, 3 * np.cos(k / 5))]) for k in range(FRAMES + EARLIER)]
    frames = [cv2.warpAffine(portrait, m, (320, 256), borderMode=cv2.BORDER_REFLECT) for m in shifts]
    write_video(folder / "clean.mp4", frames[EARLIER:], audio=SOUND_N, crf=5)
    made = self_blend(SourceVideo("c", folder / "clean.mp4", Annotation(), 1.0), FRAMES, [], np.random.default_rng(5))
    assert made.masks is not None
    masks_THW = np.stack(list(made.masks))
    write_video(folder / "fake.mp4", made.frames, audio=SOUND_N, crf=23)
    write_video(folder / "real.mp4", frames, crf=20)
    return folder / "fake.mp4", folder / "real.mp4", masks_THW


def _iou(found_THW: np.ndarray, exact_THW: np.ndarray) -> float:
    return float((found_THW & exact_THW).sum() / (found_THW | exact_THW).sum())


@pytest.mark.slow
def test_exact_masks_are_recovered_after_coding(films):
    fake, real, exact_THW = films
    aligned = pair(fake, real)
    assert aligned.offset == EARLIER
    found_THW = np.stack(list(aligned.masks()))
    assert found_THW.shape == exact_THW.shape
    assert _iou(found_THW, exact_THW) > 0.65
    assert (found_THW & ~exact_THW).sum() < 0.1 * found_THW.sum()


@pytest.mark.slow
def test_an_original_of_another_size_rate_and_brightness_will_do(films, tmp_path):
    fake, real, exact_THW = films
    larger = [cv2.resize(f, (480, 384), interpolation=cv2.INTER_CUBIC) for f in iter_frames(real, fps=50)]
    write_video(tmp_path / "real.mp4", [np.clip(f * 0.93 + 9, 0, 255).astype(np.uint8) for f in larger], fps=50, crf=18)
    aligned = pair(fake, tmp_path / "real.mp4")
    assert aligned.offset == EARLIER
    np.testing.assert_allclose(aligned.gain_C, 1 / 0.93, atol=0.06)
    assert _iou(np.stack(list(aligned.masks())), exact_THW) > 0.5


@pytest.mark.slow
def test_where_nothing_moves_no_offset_is_made_up(films, tmp_path):
    still = next(iter_frames(films[1]))
    noise = np.random.default_rng(0)
    for name in ("fake", "real"):
        grainy = [np.clip(still + noise.normal(0, 2, still.shape), 0, 255).astype(np.uint8) for _ in range(25)]
        write_video(tmp_path / f"{name}.mp4", grainy)
    assert pair(tmp_path / "fake.mp4", tmp_path / "real.mp4").offset == 0


@pytest.mark.slow
def test_an_unforged_pair_has_hardly_a_mask(films, tmp_path):
    _, real, _ = films
    write_video(tmp_path / "copy.mp4", iter_frames(real), crf=26)
    assert np.mean(list(pair(tmp_path / "copy.mp4", real).masks())) < 0.005


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f[:, ::-1], "not the same pictures"),
        (lambda f: f[:, 60:], "differ in shape"),
    ],
)
def test_what_is_no_pair_is_refused(films, tmp_path, change, words):
    fake, real, _ = films
    write_video(tmp_path / "other.mp4", [np.ascontiguousarray(change(f)) for f in iter_frames(real)])
    with pytest.raises(NpvfError, match=words):
        pair(fake, tmp_path / "other.mp4")


def test_pictures_that_lie_apart_are_refused(films):
    frames = list(iter_frames(films[1]))
    with pytest.raises(NpvfError, match=r"lie 3\.\d pixels apart"):
        _check([(frame, np.roll(frame, 3, axis=1)) for frame in frames], Path("fake.mp4"), Path("real.mp4"))
    _check([(frame, frame) for frame in frames], Path("fake.mp4"), Path("real.mp4"))


def test_an_original_that_ends_too_early_is_refused(films, tmp_path):
    fake, real, _ = films
    write_video(tmp_path / "short.mp4", list(iter_frames(real))[: EARLIER + 15])
    with pytest.raises(NpvfError, match="does not last"):
        list(pair(fake, tmp_path / "short.mp4").masks())


@pytest.mark.slow
def test_the_command_writes_the_mask_where_it_is_found_again_and_a_sheet(films, capsys):
    fake, real, exact_THW = films
    out = fake.with_name("fake.mask.npz")
    assert main(["mask", str(fake), str(real), str(out)]) == 0
    assert mask_of(fake) == out
    assert _iou(read_masks(out), exact_THW) > 0.65
    assert cv2.imread(str(fake.with_name("fake.mask.png"))).shape[1] == 3 * (320 + 8)
    assert "+0.24 s" in capsys.readouterr().out
    assert main(["mask", str(fake), str(real), str(fake.with_name("mask.mp4"))]) == 2
    assert main(["mask", str(real), str(real), str(out)]) == 2


def test_a_sheet_shows_frame_mask_and_outline():
    frame, mask = np.full((60, 80, 3), 90, np.uint8), np.zeros((60, 80), bool)
    mask[20:40, 30:50] = True
    sheet = contact_sheet([frame, frame], [mask, ~mask], width=80)
    assert sheet.shape == (2 * 68, 3 * 88, 3)
    assert (sheet[34, 44] == 90).all() and (sheet[34, 132] == 255).all()
    assert (sheet[24, 216:226] != 90).any()
