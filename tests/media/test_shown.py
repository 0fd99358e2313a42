"""Frames come out as a viewer sees them, whatever the file stores."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from skimage import data

from npvf.media import iter_frames, probe
from npvf.media.colour import compress_highlights
from npvf.media.recording import open_recording
from tests.helpers.odd_media import hdr, interlaced, write


def disc(height: int, width: int, aspect: float = 1.0) -> np.ndarray:
    """A disc as it is stored with pixels of this aspect ratio."""
    picture = np.full((height, width, 3), 40, np.uint8)
    axes = (round(30 / max(aspect, 1)), round(30 * min(aspect, 1)))
    return cv2.ellipse(picture, (width // 2, height // 2), axes, 0, 0, 360, (220, 220, 220), -1)


def shape_of_disc(picture: np.ndarray) -> float:
    bright = picture[..., 1] > 130
    return np.ptp(np.flatnonzero(bright.any(axis=0))) / np.ptp(np.flatnonzero(bright.any(axis=1)))


def changes_of(path):
    with open_recording(path) as recording:
        frames = list(recording.frames())
        return frames, list(recording.changes)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(
    ("aspect", "stored", "shown"),
    [
        (Fraction(2), (80, 64), (160, 64)),
        (Fraction(4, 3), (144, 108), (192, 108)),  # HDV, DVCPRO HD
        (Fraction(16, 15), (180, 144), (192, 144)),  # PAL DV, 4:3
        (Fraction(64, 45), (180, 144), (256, 144)),  # PAL DV, 16:9
        (Fraction(8, 9), (180, 120), (180, 135)),  # NTSC DV, 4:3: no line is lost
        (Fraction(1, 2), (160, 80), (160, 160)),
    ],
)
def test_pixels_that_are_not_square(tmp_path, suffix, aspect, stored, shown):
    path = tmp_path / f"a.{suffix}"
    write(path, [disc(stored[1], stored[0], float(aspect))] * 5, aspect=aspect)
    video = probe(path).video
    assert (video.width, video.height) == shown
    assert video.sample_aspect_ratio == f"{aspect.numerator}:{aspect.denominator}"
    frames, changes = changes_of(path)
    assert frames[0].shape == (shown[1], shown[0], 3)
    assert shape_of_disc(frames[0]) == pytest.approx(1, abs=0.06)
    assert changes == [
        f"square_pixels: {stored[0]}x{stored[1]} with pixels of {aspect.numerator}:{aspect.denominator} was scaled to "
        f"{shown[0]}x{shown[1]}"
    ]


def test_nonsense_about_pixels_is_ignored(tmp_path):
    path = write(tmp_path / "a.mp4", [disc(80, 80)] * 3, aspect=Fraction(200, 1))
    assert next(iter_frames(path)).shape == (80, 80, 3)
    assert probe(path).video.sample_aspect_ratio == "1:1"


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_turned_pixels_that_are_not_square(tmp_path, suffix):
    flat = write(tmp_path / f"flat.{suffix}", [disc(64, 80, 2.0)] * 5, aspect=Fraction(2))
    path = tmp_path / f"a.{suffix}"
    with av.open(str(flat)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90)
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    frame = next(iter_frames(path))
    assert frame.shape == (160, 64, 3)
    assert shape_of_disc(frame) == pytest.approx(1, abs=0.06)
    assert (probe(path).video.width, probe(path).video.height) == (64, 160)


def bar(at: int) -> np.ndarray:
    picture = np.full((96, 192, 3), 60, np.uint8)
    picture[:, at : at + 20] = 220
    return picture


def combs(picture: np.ndarray) -> float:
    """How much a line differs from the mean of its neighbours."""
    rows = picture[..., 1].astype(float)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


@pytest.mark.parametrize("top_first", [True, False], ids=["top", "bottom"])
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mpg", "mpeg2video", {"flags": "+ilme+ildct", "b": "4000000"}),
        ("a.ts", "libx264", {"flags": "+ilme+ildct"}),
        ("a.mp4", "libx264", {"flags": "+ilme+ildct"}),
    ],
)
def test_interlaced_frames_show_their_first_field(tmp_path, name, codec, options, top_first):
    fields = [bar(20 + 3 * k) for k in range(40)]
    if codec == "libx264":
        options = {**options, "x264-params": "tff=1" if top_first else "bff=1"}
    path = write(tmp_path / name, interlaced(fields, top_first), codec=codec, options=options)
    frames, changes = changes_of(path)
    assert len(frames) == 20
    assert changes == ["deinterlaced: the video is interlaced"] and probe(path).video.interlaced
    for k, frame in enumerate(frames):
        edge = np.flatnonzero(frame[48, :, 1] > 140)[0]
        assert abs(edge - (20 + 6 * k)) <= 1
    assert max(combs(frame) for frame in frames[1:-1]) < 1.0
    with av.open(str(path)) as container:
        assert combs(next(container.decode(video=0)).to_ndarray(format="rgb24")) > 3  # the stored frames have combs


def test_progressive_frames_beside_interlaced_ones_keep_their_lines(tmp_path):
    """A broadcast changes from one to the other; fine lines of progressive frames stay."""
    fine = np.full((96, 192, 3), 60, np.uint8)
    fine[::2] = 200
    fields = [bar(20 + 3 * k) for k in range(20)]
    path = write(tmp_path / "a.mkv", [*[fine] * 8, *interlaced(fields), *[fine] * 8], codec="ffv1")
    frames, _ = changes_of(path)
    assert len(frames) == 26
    assert all(combs(frame) > 100 for frame in [*frames[:7], *frames[-7:]])
    assert max(combs(frame) for frame in frames[9:17]) < 1.0


@pytest.mark.parametrize("kind", ["pq", "hlg"])
def test_hdr_comes_out_as_the_sdr_it_was_made_of(tmp_path, kind):
    ramp = np.tile(np.linspace(0, 255, 256).astype(np.uint8)[None, :, None], (32, 1, 3))
    picture = np.concatenate([data.astronaut()[:224, 96:352], ramp])
    options = {"x265-params": "log-level=none"}
    path = write(tmp_path / "a.mp4", [hdr(picture, kind)] * 3, codec="libx265", options=options)
    frames, changes = changes_of(path)
    name = {"pq": "PQ", "hlg": "HLG"}[kind]
    assert changes == [f"tone_mapped: {name}, BT.2020 to BT.709"]
    assert probe(path).video.colours == f"{name}, BT.2020"
    shown = frames[0].astype(float)
    dim = picture.max(axis=-1) < 220  # brighter parts make room for highlights
    assert np.abs(shown - picture)[dim].mean() < 3
    assert shown.std() == pytest.approx(picture.std(), rel=0.05)
    ramp_shown = shown[240].mean(axis=-1)
    assert (np.diff(ramp_shown) > -1.5).all() and ramp_shown[-1] > 235


def test_highlights_are_compressed_and_not_clipped():
    light_N3 = np.array([(0.5, 0.2, 0.1), (1.0, 0.5, 0.2), (2.0, 1.0, 0.5), (4.9, 4.9, 4.9)])
    shown_N3 = compress_highlights(light_N3)
    np.testing.assert_array_equal(shown_N3[0], light_N3[0])
    assert (np.diff(shown_N3[:, 0]) > 0).all() and shown_N3.max() <= 1
    np.testing.assert_allclose(shown_N3 / shown_N3[:, :1], light_N3 / light_N3[:, :1])  # the hue stays


def test_an_ordinary_video_is_not_changed(tmp_path):
    assert changes_of(write(tmp_path / "a.mp4", [disc(64, 64)] * 3))[1] == []
