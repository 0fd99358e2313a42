"""Each oddity follows from a measurement, and an ordinary file has none."""

from dataclasses import replace
from datetime import UTC, datetime

import av
import pytest

from npvf.inspect.container import Container, Edit, Track
from npvf.inspect.facts import inspect_file
from npvf.inspect.oddities import oddities
from npvf.inspect.packets import Rate
from npvf.inspect.streams import EncoderSettings, Streams
from tests.helpers.media_maker import at_rate, click, make

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
TRACK = Track(1, "video", "Core Media Video", "avc1", None, None, 10.0, (Edit(10.0, 0.0, 1.0),), 10)
PLAIN = Container(MP4, {}, "mp42", 0, ("isom",), tracks=(TRACK, replace(TRACK, id=2, kind="audio")), chunk_runs=20)


@pytest.fixture(scope="module")
def streams(tmp_path_factory) -> Streams:
    path = make(tmp_path_factory.mktemp("odd") / "a.mp4", bframes=2, audio=click(2.0, at=1.0))
    return inspect_file(path).streams


def codes(container: Container, streams: Streams, name: str = "a.mp4") -> list[str]:
    return [odd.code for odd in oddities(name, container, streams, NOW)]


def test_an_ordinary_file_has_none(streams):
    assert codes(PLAIN, streams) == []


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("a.avi", {}, "ending_differs"),
        ("a.mp4", {"format": "mpeg"}, "ending_differs"),
        ("a.mp4", {"major_brand": "qt"}, "ending_differs"),
        ("a.mp4", {"damage": ("a box is broken",)}, "boxes_damaged"),
        ("a.mp4", {"chunk_runs": 2}, "not_interleaved"),
        ("a.mp4", {"tags": {"encoder": "Lavf61.7.100"}}, "written_by_converter"),
        ("a.mp4", {"created": "2027-01-01T00:00:00+00:00"}, "created_in_the_future"),
        ("a.mp4", {"created": "2026-02-01T00:00:00+00:00", "modified": "2026-01-01T00:00:00+00:00"}, "modified_before"),
    ],
)
def test_oddities_of_the_container(streams, name, change, code):
    (found,) = codes(replace(PLAIN, **change), streams, name)
    assert found.startswith(code)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"edits": (Edit(4.0, 0.0, 1.0), Edit(6.0, 5.0, 1.0))}, "cut_by_edit_list"),
        ({"edits": (Edit(8.0, 2.0, 1.0),)}, "start_hidden"),
        ({"edits": (Edit(7.0, 0.0, 1.0),)}, "end_hidden"),
        ({"edits": (Edit(10.0, 0.0, 0.5),)}, "played_at_other_speed"),
    ],
)
def test_oddities_of_an_edit_list(streams, change, code):
    assert codes(replace(PLAIN, tracks=(replace(TRACK, **change),)), streams) == [code]


def test_times_of_tracks_that_differ(streams):
    early = replace(TRACK, created="2026-01-01T00:00:00+00:00")
    late = replace(TRACK, id=2, created="2026-01-03T00:00:00+00:00")
    (odd,) = oddities("a.mp4", replace(PLAIN, tracks=(early, late)), streams, NOW)
    assert odd.code == "creation_times_differ" and "172800 s apart" in odd.sentence


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"declared_frames": 60}, "frames_missing"),
        ({"pixel_shape": 16 / 15}, "pixels_not_square"),
        ({"rotation": 7}, "rotated_oddly"),
        ({"interlaced": True}, "interlaced"),
        ({"hdr": ("HLG",)}, "hdr"),
        ({"damaged": 3}, "packets_damaged"),
        ({"start": -0.5, "seconds": 2.5}, "starts_differ"),
        ({"seconds": 3.0}, "ends_differ"),
        ({"steps": Rate(0.04, 0.01, 0.09, 0.5, 0.3)}, "frame_rate_varies"),
        ({"steps": Rate(0.04, 0.04, 0.9, 0.5, 0.01)}, "frame_held"),
        ({"longest_group": 13}, "settings_contradicted"),
        ({"settings": (EncoderSettings("x264 core 164", 0.0, "bframes=0 keyint=12"),)}, "settings_contradicted"),
    ],
)
def test_oddities_of_the_video(streams, change, code):
    changed = replace(streams, video=(replace(streams.video[0], **change),))
    assert codes(PLAIN, changed) == [code]


def test_several_streams(streams):
    double = replace(streams, video=streams.video * 2, audio=streams.audio * 2)
    assert codes(PLAIN, double) == ["several_video_streams", "several_audio_streams"]


def test_parts_that_were_encoded_apart_are_found(tmp_path):
    """Two files with other settings, joined without encoding them again, as an editor does."""
    parts = [make(tmp_path / f"{crf}.mp4", at_rate(25, 25), options={"crf": crf}) for crf in ("20", "35")]
    joined = tmp_path / "joined.mkv"
    with av.open(str(joined), "w") as out:
        stream, shift = None, 0
        for part in parts:
            with av.open(str(part)) as source:
                stream = stream or out.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = stream
                        out.mux(packet)
            shift = 90000
    facts = inspect_file(joined)
    first, second = facts.streams.video[0].settings
    assert (first.value("crf"), second.value("crf")) == ("20.0", "35.0") and second.at == pytest.approx(1.0, abs=0.05)
    assert "joined_parts" in {odd.code for odd in facts.oddities}


def test_a_program_named_by_the_handler_only(streams):
    tracks = (replace(TRACK, handler="ISO Media file produced by Google Inc."),)
    found = codes(replace(PLAIN, tags={"encoder": "Lavf58"}, tracks=tracks), streams)
    assert found == ["written_by_converter", "other_program_named"]
