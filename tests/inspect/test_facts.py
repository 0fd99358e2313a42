"""Containers and streams of small files, and files that are refused."""

import hashlib
import json
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorTrc

from npvf.errors import Reason, Refused
from npvf.inspect.facts import inspect_file
from tests.helpers.media_maker import at_rate, click, make, numbered


def test_a_plain_file(tmp_path):
    path = make(tmp_path / "a.mp4", bframes=2, audio=click(2.0, at=1.0))
    facts = inspect_file(path)
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() and facts.size == path.stat().st_size
    container = facts.container
    assert (container.major_brand, container.compatible_brands) == ("isom", ("isom", "iso2", "avc1", "mp41"))
    assert container.created is None and container.damage == () and container.index_first is False
    assert [(track.kind, track.sample_entry, track.handler) for track in container.tracks] == [
        ("video", "avc1", "VideoHandler"),
        ("audio", "mp4a", "SoundHandler"),
    ]
    assert container.tracks[0].seconds == pytest.approx(2.0, abs=0.05)
    (edit,) = container.tracks[0].edits
    assert edit.seconds == pytest.approx(2.0) and edit.media_start == pytest.approx(0.08) and edit.rate == 1
    (video,), (audio,) = facts.streams.video, facts.streams.audio
    assert (video.codec, video.width, video.height, video.bits, video.pixel_format) == ("h264", 192, 48, 8, "yuv420p")
    assert (video.packets, video.declared_frames, video.key_frames, video.longest_group) == (50, 50, 5, 12)
    assert video.average_fps == pytest.approx(25) and video.steps.irregular == 0 and video.reordered
    assert video.bits_per_pixel == pytest.approx(video.bit_rate * 2 / (50 * 192 * 48), rel=0.01)
    assert (audio.codec, audio.sample_rate, audio.channels, audio.layout) == ("aac", 44100, 1, "mono")
    assert [odd.code for odd in facts.oddities] == ["written_by_converter"]


def test_the_settings_of_x264_are_read(tmp_path):
    (video,) = inspect_file(make(tmp_path / "a.mp4", options={"crf": "31"})).streams.video
    (settings,) = video.settings
    assert settings.encoder.startswith("x264 core ") and settings.at == 0
    assert settings.value("crf") == "31.0" and settings.value("keyint") == "12" and settings.value("none") is None


def test_everything_can_be_written_as_json(tmp_path):
    content = json.loads(json.dumps(inspect_file(make(tmp_path / "a.mp4", audio=click(2.0, at=1.0))).to_json()))
    assert content["container"]["boxes"][0] == {"type": "ftyp", "offset": 0, "size": 32}
    assert content["streams"]["video"][0]["settings"][0]["encoder"].startswith("x264")
    assert content["credentials"]["state"] == "none"
    assert "verdict" not in content and "score" not in content


def test_rotation_pixel_shape_and_colour(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 48, "yuv420p"
        context = stream.codec_context
        context.sample_aspect_ratio = Fraction(4, 3)
        context.color_primaries, context.color_trc = int(ColorPrimaries.BT2020), int(ColorTrc.SMPTE2084)
        stream.set_display_rotation(-90)
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(numbered(number)).reformat(format="yuv420p")
            frame.color_primaries, frame.color_trc = ColorPrimaries.BT2020, ColorTrc.SMPTE2084
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    facts = inspect_file(path)
    (video,) = facts.streams.video
    assert video.pixel_shape == pytest.approx(4 / 3) and video.rotation == -90
    assert (video.primaries, video.transfer, video.hdr) == ("bt2020", "smpte2084", ("PQ",))
    assert {"pixels_not_square", "hdr"} <= {odd.code for odd in facts.oddities}


def test_other_containers_have_no_boxes(tmp_path):
    facts = inspect_file(make(tmp_path / "a.mkv", audio=click(2.0, at=1.0)))
    assert facts.container.format == "matroska,webm" and facts.container.boxes == ()
    assert facts.streams.video[0].packets == 50 and facts.streams.audio[0].channels == 1


def test_a_folder_of_images(tmp_path):
    with av.open(str(tmp_path / "%03d.jpg"), "w", format="image2") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 48, "yuvj420p"
        for number in range(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(number))))
    facts = inspect_file(tmp_path)
    assert facts.streams.video[0].packets == 5 and facts.credentials.state == "not_read"


def test_sound_alone_has_facts(tmp_path):
    facts = inspect_file(make(tmp_path / "a.m4a", times=[], audio=click(1.0, at=0.5)))
    assert facts.streams.video == () and facts.streams.audio[0].seconds == pytest.approx(1.0, abs=0.1)


def reason(path) -> Reason:
    with pytest.raises(Refused) as refused:
        inspect_file(path)
    return refused.value.reason


def test_files_that_cannot_be_read_are_refused(tmp_path):
    assert reason(tmp_path / "none.mp4") == Reason.NOT_FOUND
    for number, content in enumerate(
        [b"", b"<html>" * 99, bytes(5000), b"#EXTM3U\n#EXTINF:2.0,\nfile:///etc/passwd\n"]
    ):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(content)
        assert reason(path) == Reason.UNDECODABLE
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    assert reason(tmp_path / "a.srt") == Reason.NO_VIDEO


def test_a_file_without_its_index_is_refused(tmp_path):
    content = make(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "b.mp4").write_bytes(content[: content.rfind(b"moov") - 4])
    assert reason(tmp_path / "b.mp4") == Reason.UNDECODABLE


@pytest.mark.parametrize("seed", range(3))
def test_damaged_files_are_described_or_refused_but_never_crash(tmp_path, seed):
    whole = make(tmp_path / "a.mp4", audio=click(2.0, at=1.0)).read_bytes()
    random = np.random.default_rng(seed)
    index = whole.rfind(b"moov")
    for number in range(40):
        content = bytearray(whole)
        for at in random.integers(index, len(whole), 4) if number % 2 else random.integers(0, len(whole), 20):
            content[at] = random.integers(256)
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(content[: random.integers(len(whole) // 2, len(whole))] if number % 5 == 0 else content)
        try:
            json.dumps(inspect_file(path).to_json())
        except Refused as refused:
            assert refused.reason in (Reason.UNDECODABLE, Reason.NO_VIDEO, Reason.MEMORY_LIMIT)


def test_frames_at_uneven_times(tmp_path):
    times = [k / Fraction(25) for k in range(20)] + [Fraction(2) + k / Fraction(25) for k in range(20)]
    facts = inspect_file(make(tmp_path / "a.mp4", times))
    steps = facts.streams.video[0].steps
    assert steps.most == pytest.approx(1.24) and steps.longest_at == pytest.approx(0.76)
    assert "frame_held" in {odd.code for odd in facts.oddities}
    even = inspect_file(make(tmp_path / "b.mp4", at_rate(Fraction(30000, 1001), 60)))
    assert even.streams.video[0].steps.irregular == 0
