"""What is written comes back: the same pictures, the same sound, at the same time."""

import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest

from npvf.errors import Reason, Refused
from npvf.media import (
    decode_crops,
    decode_flac,
    encode_crops,
    encode_flac,
    iter_frames,
    read_audio,
    write_video,
)
from tests.helpers.media_maker import click, is_flash, number_of, numbered

CLIPS = os.environ.get("NPVF_CLIPS")
RNG = np.random.default_rng(0)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float32) - b) ** 2)))


def smooth_pictures(count: int, size: int = 224) -> np.ndarray:
    """A soft picture, moving by one pixel a frame: no harder to code than a face."""
    ramp = np.arange(size) * 2 * np.pi / size
    waves = np.stack([np.sin(2 * ramp + c) * np.cos(3 * ramp - c)[:, None] for c in range(3)], axis=-1)
    picture = (127 + 100 * waves).astype(np.uint8)
    return np.stack([np.roll(picture, (k // 2, k), (0, 1)) for k in range(count)])


@pytest.mark.parametrize("fps", [25, 29.97, 62.5])
@pytest.mark.parametrize("bframes", [0, 3])
def test_flash_and_click_come_back_together(tmp_path, fps, bframes):
    path, flash = tmp_path / "a.mp4", round(fps)
    frames = (numbered(k, k == flash) for k in range(3 * flash))
    write_video(path, frames, fps, click(3.0, at=flash / fps, rate=16000), bframes=bframes)
    pictures = list(iter_frames(path, fps))
    assert [number_of(p) for p in pictures] == list(range(3 * flash))
    assert [k for k, p in enumerate(pictures) if is_flash(p)] == [flash]
    assert abs(np.abs(read_audio(path)).argmax() / 16000 - flash / fps) < 0.001


def test_sound_comes_back_sample_for_sample(tmp_path):
    """Also at its very start, where AAC needs priming: the lag of the best match is zero."""
    voice = np.convolve(RNG.normal(0, 0.3, 32000), np.hanning(9) / 4, "same").astype(np.float32)
    write_video(tmp_path / "a.mp4", [numbered(0)] * 50, audio=voice)
    heard = read_audio(tmp_path / "a.mp4")
    lags = range(-40, 41)
    match = [np.dot(heard[100:1500], voice[100 + lag : 1500 + lag]) for lag in lags]
    assert lags[int(np.argmax(match))] == 0
    assert len(heard) >= len(voice)
    assert np.corrcoef(heard[: len(voice)], voice)[0, 1] > 0.98


def test_same_input_same_bytes(tmp_path):
    frames, audio = smooth_pictures(12, 64), RNG.normal(0, 0.1, 7680).astype(np.float32)
    hashes = set()
    for _ in range(2):
        file = io.BytesIO()
        write_video(file, frames, audio=audio)
        hashes.add(hashlib.sha256(file.getvalue()).hexdigest())
    write_video(tmp_path / "a.mp4", frames, audio=audio)
    hashes.add(hashlib.sha256((tmp_path / "a.mp4").read_bytes()).hexdigest())
    assert len(hashes) == 1


@pytest.mark.parametrize("size", [(48, 64), (47, 64), (48, 63), (47, 63)])
def test_odd_sizes_and_colours(tmp_path, size):
    picture = np.zeros((*size, 3), np.uint8)
    picture[:, : size[1] // 2] = (200, 30, 60)
    picture[:, size[1] // 2 :] = (30, 90, 220)
    write_video(tmp_path / "a.mp4", [picture] * 5, crf=10)
    back = next(iter_frames(tmp_path / "a.mp4"))
    assert back.shape == picture.shape
    np.testing.assert_allclose(back[:, 4:20].mean((0, 1)), (200, 30, 60), atol=4)
    np.testing.assert_allclose(back[:, -20:-4].mean((0, 1)), (30, 90, 220), atol=4)


def test_a_file_appears_only_when_whole(tmp_path):
    def breaks_off():
        yield numbered(0)
        raise RuntimeError("the source ended")

    with pytest.raises(RuntimeError, match="the source ended"):
        write_video(tmp_path / "a.mp4", breaks_off())
    with pytest.raises(ValueError, match="at least one frame"):
        write_video(tmp_path / "a.mp4", [])
    with pytest.raises(ValueError, match="frame 1 is"):
        write_video(tmp_path / "a.mp4", [numbered(0), numbered(1)[1:]])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def packed() -> tuple[bytes, np.ndarray]:
    data = encode_crops(smooth_pictures(300))
    return data, decode_crops(data)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "count"), [(0, 1), (0, 24), (1, 1), (7, 1), (8, 24), (15, 3), (255, 3), (257, 24), (290, None), (299, 1)]
)
def test_random_access_is_frame_exact(packed, start, count):
    data, whole = packed
    assert whole.shape == (300, 224, 224, 3)
    stop = None if count is None else start + count
    np.testing.assert_array_equal(decode_crops(data, start, count), whole[start:stop])


def test_crops_beyond_the_end_are_an_error(packed):
    data, _ = packed
    assert decode_crops(data, 300, 0).shape == (0, 224, 224, 3)
    for start, count in [(-1, 4), (297, 4), (301, None)]:
        with pytest.raises(ValueError, match="of a clip of 300"):
            decode_crops(data, start, count)


def test_damaged_crops_are_refused(packed):
    data, _ = packed
    for broken in (b"", b"nothing", data[: len(data) // 2]):
        with pytest.raises(Refused) as refusal:
            decode_crops(broken)
        assert refusal.value.reason == Reason.UNDECODABLE


@pytest.mark.slow
def test_crops_are_visually_lossless(packed):
    assert psnr(packed[1], smooth_pictures(300)) > 38


@pytest.mark.skipif(not CLIPS, reason="set NPVF_CLIPS to a folder with grid/ and wild/")
def test_crops_of_real_faces():
    for path in sorted(Path(CLIPS).glob("grid/speakers/*.mpg"))[:2]:
        face = np.stack([frame[32:256, 68:292] for frame in iter_frames(path)])
        data = encode_crops(face)
        assert psnr(decode_crops(data), face) > 38
        assert len(data) / len(face) < 8000


def test_flac_is_16_bit_exact():
    audio = RNG.uniform(-1.2, 1.2, 32000).astype(np.float32)
    data = encode_flac(audio)
    back = decode_flac(data)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, np.clip(audio, -1, 32767 / 32768), atol=0.5 / 32768 + 1e-7)
    assert encode_flac(back) == data
    np.testing.assert_array_equal(decode_flac(data, 640, 1280), back[640:1920])
