"""What a file holds, and why a file is refused."""

import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from npvf.errors import Reason, Refused
from npvf.media import iter_frames, probe, read_audio
from tests.helpers.media_maker import at_rate, click, make, number_of, numbered

CLIPS = os.environ.get("NPVF_CLIPS")


def refusal_of(action) -> Reason:
    with pytest.raises(Refused) as refusal:
        action()
    assert refusal.value.sentence.endswith(".")
    return refusal.value.reason


def test_streams(tmp_path):
    path = make(tmp_path / "a.mp4", at_rate(Fraction(125, 2), 125), bframes=2, audio=np.zeros(88200), audio_start=0.8)
    info = probe(path)
    assert info.path == path and "mp4" in info.format and info.size_bytes == path.stat().st_size
    assert info.duration == pytest.approx(2.8, abs=0.1)
    assert (info.video.codec, info.video.width, info.video.height) == ("h264", 192, 48)
    assert info.video.pixel_format == "yuv420p"
    assert info.video.average_fps == pytest.approx(62.5, abs=0.1)
    assert info.video.frames == 125
    assert info.video.start == 0 and info.video.duration == pytest.approx(2.0, abs=0.02)
    assert (info.audio.codec, info.audio.sample_rate, info.audio.channels) == ("aac", 44100, 1)
    assert info.audio.start == pytest.approx(0.8, abs=0.03)


def test_rotation_turns_the_size(tmp_path):
    video = probe(make(tmp_path / "a.mp4", rotation=-90)).video
    assert (video.width, video.height, video.rotation) == (48, 192, -90)


def test_a_missing_stream_is_none(tmp_path):
    assert probe(make(tmp_path / "silent.mp4")).audio is None
    assert probe(make(tmp_path / "heard.m4a", times=[], audio=np.zeros(44100))).video is None


def test_cover_art_is_no_video(tmp_path):
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=44100, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.height, cover.width, cover.pix_fmt = 48, 192, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(numbered(3))
        frame.pts = 0
        container.mux(cover.encode(frame))
        container.mux(cover.encode())
        tone = av.AudioFrame.from_ndarray(click(2.0, at=1.0)[None], "fltp", "mono")
        tone.sample_rate, tone.pts = 44100, 0
        container.mux(sound.encode(tone))
        container.mux(sound.encode())
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    assert probe(path).video is None
    assert refusal_of(lambda: list(iter_frames(path))) == Reason.NO_VIDEO
    assert abs(np.abs(read_audio(path)).argmax() / 16000 - 1.0) < 0.002


def test_duration_that_the_file_does_not_declare(tmp_path):
    """As a web browser records: a live Matroska stream has no length in its head."""
    path = make(tmp_path / "live.mkv", at_rate(25, 50), audio=np.zeros(88200), container_options={"live": "1"})
    assert probe(path).duration == pytest.approx(2.0, abs=0.1)
    assert len(list(iter_frames(path))) == 50


def test_not_found(tmp_path):
    for action in (probe, read_audio, lambda p: next(iter_frames(p))):
        assert refusal_of(lambda action=action: action(tmp_path / "none.mp4")) == Reason.NOT_FOUND
        assert refusal_of(lambda action=action: action(tmp_path)) == Reason.NOT_FOUND


@pytest.mark.parametrize(
    "content",
    [b"", b"this is a text\n" * 50, b"\0" * 5000, b"#EXTM3U\n#EXTINF:2.0,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"],
    ids=["empty", "text", "zeros", "playlist"],
)
def test_no_media_file(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    for action in (probe, read_audio, lambda p: next(iter_frames(p))):
        assert refusal_of(lambda action=action: action(path)) == Reason.UNDECODABLE


@pytest.mark.parametrize(
    "playlist",
    ["ffconcat version 1.0\nfile part.ts\n", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npart.ts\n#EXT-X-ENDLIST\n"],
    ids=["concat", "hls"],
)
def test_list_of_files_is_not_followed(tmp_path, playlist):
    """A file from a stranger must not make npvf read another file of this machine."""
    make(tmp_path / "part.ts", at_rate(25, 25))
    path = tmp_path / "list.m3u8"
    path.write_text(playlist)
    assert refusal_of(lambda: probe(path)) == Reason.UNDECODABLE


@pytest.mark.parametrize("faststart", [False, True])
def test_truncated(tmp_path, faststart):
    options = {"movflags": "faststart"} if faststart else {}
    whole = make(tmp_path / "a.mp4", at_rate(25, 100), audio=np.zeros(4 * 44100), container_options=options)
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    assert refusal_of(lambda: list(iter_frames(path))) == Reason.UNDECODABLE


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_damage_is_not_painted_over(tmp_path, suffix):
    """The decoder would conceal it; a forensic tool must not judge pixels that a decoder made up."""
    noise = {"crf": "1"}
    data = bytearray(make(tmp_path / f"a.{suffix}", at_rate(25, 100), options=noise).read_bytes())
    for place in range(len(data) // 3, len(data) * 2 // 3, 97):
        data[place] ^= 0xFF
    path = tmp_path / f"damaged.{suffix}"
    path.write_bytes(data)
    assert refusal_of(lambda: list(iter_frames(path))) == Reason.UNDECODABLE


def test_odd_names(tmp_path):
    """A colon or a percent sign in a name is not a protocol or a pattern; tags need not be UTF-8."""
    for name in ("pipe:1.mp4", "a%03d.mp4", "ü ß.mp4", "concat:x|y.mp4"):
        path = make(tmp_path / "plain.mp4").rename(tmp_path / name)
        assert probe(path).video.frames == 50


@pytest.mark.slow
@pytest.mark.skipif(not CLIPS, reason="set NPVF_CLIPS to a folder with grid/ and wild/")
def test_real_clips():
    paths = sorted(Path(CLIPS).glob("grid/speakers/*.mpg")) + sorted(Path(CLIPS).glob("wild/*.mp4"))
    for path in paths:
        info = probe(path)
        count = 0
        for count, picture in enumerate(iter_frames(path, end=0.4), start=1):  # noqa: B007
            assert picture.shape == (info.video.height, info.video.width, 3)
        assert count == 10
        assert abs(len(read_audio(path)) / 16000 + info.video.start - info.audio.start - info.audio.duration) < 0.1


def test_a_folder_of_pictures_is_a_silent_video(tmp_path):
    for number in range(12):
        picture = cv2.imencode(".jpg", numbered(number)[..., ::-1])[1]
        (tmp_path / f"{number + 1:03d}").write_bytes(picture.tobytes())
    info = probe(tmp_path)
    assert (info.video.codec, info.video.average_fps, info.audio) == ("mjpeg", 25.0, None)
    assert info.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert [number_of(picture) for picture in iter_frames(tmp_path)] == list(range(12))
    assert refusal_of(lambda: read_audio(tmp_path)) == Reason.NO_AUDIO
    (tmp_path / "notes.txt").write_text("no picture")
    assert refusal_of(lambda: probe(tmp_path)) == Reason.NOT_FOUND
