"""VideoEncoding and sound come out at the times at which a player would give them."""

import errno
from fractions import Fraction
from itertools import accumulate, islice

import av
import numpy as np
import pytest

from npvf.errors import Reason, Refused
from npvf.media import iter_frames, read_audio, spool_audio
from npvf.media.container import open_media
from npvf.media.decode import to_float
from tests.helpers.media_maker import at_rate, click, is_flash, make, number_of, shown_at

RNG = np.random.default_rng(0)
VARIABLE = list(accumulate((Fraction(int(ms), 1000) for ms in RNG.integers(5, 130, 60)), initial=Fraction(0)))


def expected_numbers(times, fps=25):
    last = times[-1] - times[0] + (times[-1] - times[0]) / (len(times) - 1)
    moments = [Fraction(k, fps) for k in range(int(last * fps) + 1)]
    return [shown_at(times, moment) for moment in moments if moment < last]


@pytest.mark.parametrize(
    "times",
    [
        at_rate(25, 60),
        at_rate(Fraction(30000, 1001), 90),
        at_rate(Fraction(125, 2), 150),
        at_rate(Fraction(24000, 1001), 60),
        at_rate(10, 30),
    ],
    ids=["25", "29.97", "62.5", "23.976", "10"],
)
@pytest.mark.parametrize("bframes", [0, 3])
def test_resampled_by_time(tmp_path, times, bframes):
    path = make(tmp_path / "a.mp4", times, bframes=bframes)
    assert [number_of(p) for p in iter_frames(path)] == expected_numbers(times)


def test_variable_frame_rate(tmp_path):
    path = make(tmp_path / "a.mp4", VARIABLE, bframes=2)
    numbers = [number_of(p) for p in iter_frames(path)]
    until_last = [shown_at(VARIABLE, Fraction(k, 25)) for k in range(int(VARIABLE[-1] * 25) + 1)]
    assert numbers[: len(until_last)] == until_last
    assert set(numbers[len(until_last) :]) <= {len(VARIABLE) - 1}


def test_frames_that_are_too_large_are_not_decoded(tmp_path, monkeypatch):
    path = make(tmp_path / "a.mp4", at_rate(25, 5))
    monkeypatch.setattr("npvf.media.container.MOST_PIXELS", 9000)
    with pytest.raises(Refused, match="its frames are 192x48; the limit is 0 million") as refusal:
        list(iter_frames(path))
    assert refusal.value.reason == Reason.UNDECODABLE


def test_any_output_rate(tmp_path):
    path = make(tmp_path / "a.mp4", at_rate(25, 50))
    assert [number_of(p) for p in iter_frames(path, fps=10)] == [k * 5 // 2 for k in range(20)]
    assert [number_of(p) for p in iter_frames(path, fps=50)] == [k // 2 for k in range(100)]


@pytest.mark.slow
def test_more_than_255_frames(tmp_path):
    path = make(tmp_path / "a.mp4", at_rate(25, 700), bframes=2, gop=50)
    assert [number_of(p) for p in iter_frames(path)] == list(range(700))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize(("start", "end"), [(0.28, 0.6), (1.0, None), (7 / 25, 8 / 25), (11.4, 12.0), (0.0, 0.28)])
def test_a_span_is_a_slice_of_the_whole(tmp_path, suffix, start, end):
    path = make(tmp_path / f"a.{suffix}", at_rate(25, 300), bframes=2, gop=30)
    numbers = [number_of(p) for p in iter_frames(path, start=start, end=end)]
    assert numbers == list(range(round(start * 25), 300 if end is None else round(end * 25)))


@pytest.mark.parametrize(
    ("suffix", "codec", "audio_codec", "bframes"),
    [
        ("mp4", "libx264", "aac", 3),
        ("mp4", "libx265", "aac", 3),
        ("mp4", "mpeg4", "aac", 2),
        ("mov", "libx264", "pcm_s16le", 2),
        ("mpg", "mpeg1video", "mp2", 2),
        ("mkv", "libx264", "flac", 2),
        ("ts", "libx264", "aac", 2),
        ("flv", "libx264", "aac", 2),
        ("avi", "mpeg4", "pcm_s16le", 0),
        ("avi", "mpeg4", "pcm_s16le", 2),
        ("avi", "libx264", "pcm_s16le", 0),
        ("avi", "libx264", "pcm_s16le", 2),
    ],
)
def test_flash_and_click_meet(tmp_path, suffix, codec, audio_codec, bframes):
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = make(
        tmp_path / f"a.{suffix}", flash=30, codec=codec, bframes=bframes, options=options,
        audio=click(2.0, at=30 / 25), audio_codec=audio_codec,
    )  # fmt: skip
    pictures = list(iter_frames(path))
    assert [number_of(p) for p in pictures] == list(range(50))
    assert [k for k, p in enumerate(pictures) if is_flash(p)] == [30]
    assert abs(np.abs(read_audio(path)).argmax() / 16000 - 30 / 25) < 0.001


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("audio_start", [0.8, 0.013, 0.0])
@pytest.mark.parametrize("video_start", [Fraction(0), Fraction(1, 2), Fraction(333, 1000)])
def test_streams_that_start_apart(tmp_path, suffix, audio_start, video_start):
    """Sound that is late is preceded by silence, sound before the first picture is cut."""
    moment = Fraction(32, 25)  # on the clip clock
    path = make(
        tmp_path / f"a.{suffix}",
        [video_start + t for t in at_rate(25, 50)],
        flash=32,
        audio=click(2.5, at=float(video_start + moment) - audio_start),
        audio_start=audio_start,
    )
    assert [k for k, p in enumerate(iter_frames(path)) if is_flash(p)] == [32]
    audio = read_audio(path)
    assert abs(np.abs(audio).argmax() / 16000 - float(moment)) < 0.001
    silence = round((audio_start - float(video_start)) * 16000) - 400  # AAC sounds a little before its time
    if silence > 0:
        assert not audio[:silence].any()


def test_hole_in_the_sound_keeps_sync(tmp_path):
    """Packets that were lost on the way are silence, and what follows them is not early."""
    import av

    whole = make(tmp_path / "whole.ts", at_rate(25, 75), audio=click(3.0, at=2.0))
    path = tmp_path / "holed.mkv"
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        streams = {s.index: target.add_stream_from_template(s, opaque=True) for s in source.streams}
        for packet in source.demux():
            lost = packet.stream.type == "audio" and 0.5 < float((packet.pts or 0) * packet.time_base) < 1.2
            if packet.size and not lost:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    assert len(list(iter_frames(path))) == 75
    audio = read_audio(path)
    assert abs(np.abs(audio).argmax() / 16000 - 2.0) < 0.002
    assert not audio[round(0.6 * 16000) : round(1.0 * 16000)].any()


def test_spans_of_sound_are_slices_of_the_whole(tmp_path):
    noise = RNG.normal(0, 0.1, 3 * 44100).astype(np.float32)
    path = make(tmp_path / "a.mp4", at_rate(25, 75), audio=noise)
    whole = read_audio(path)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(read_audio(path, start=1.28, end=2.24), whole[20480:35840])
    assert len(read_audio(path, start=2.5, end=9.0)) == len(whole) - 40000
    assert len(read_audio(path, start=9.0)) == 0


def test_resampled_sound_keeps_its_pitch_and_level(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * 44100) / 44100)
    path = make(tmp_path / "a.mov", audio=tone, audio_codec="pcm_s16le")
    ideal = 0.5 * np.sin(2 * np.pi * 440 * np.arange(32000) / 16000)
    audio = read_audio(path)
    assert len(audio) == 32000
    np.testing.assert_allclose(audio[200:-200], ideal[200:-200], atol=2e-3)


def test_stereo_is_averaged(tmp_path):
    import av

    path = tmp_path / "a.wav"
    left, right = np.full(16000, 0.8, np.float32), np.full(16000, -0.2, np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.stack([left, right]), "fltp", "stereo")
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    np.testing.assert_allclose(read_audio(path), 0.3, atol=1e-3)


def test_spooled_sound_is_the_same(tmp_path):
    path = make(tmp_path / "a.mp4", audio=RNG.normal(0, 0.1, 88200), audio_start=0.2)
    spooled = spool_audio(path)
    assert isinstance(spooled, np.memmap)
    np.testing.assert_allclose(to_float(spooled), read_audio(path), atol=2e-5)


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_upright(tmp_path, rotation):
    path = make(tmp_path / "a.mp4", rotation=rotation)
    picture = next(iter_frames(path))
    stored = np.rot90(picture, -rotation // 90)
    assert stored.shape == (48, 192, 3)
    assert number_of(list(iter_frames(path))[7]) == 7 if rotation == 0 else picture.flags.c_contiguous
    assert [number_of(np.rot90(p, -rotation // 90)) for p in iter_frames(path)] == list(range(50))


@pytest.mark.parametrize(
    ("codec", "pixel_format"),
    [
        ("libx264", "yuv444p"),
        ("libx264", "yuvj420p"),
        ("libx264", "yuv420p10le"),
        ("libx265", "yuv422p10le"),
        ("prores_ks", "yuv422p10le"),
    ],
)
def test_pixel_formats(tmp_path, codec, pixel_format):
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = make(tmp_path / "a.mov", codec=codec, pixel_format=pixel_format, options=options)
    pictures = list(iter_frames(path))
    assert pictures[0].dtype == np.uint8 and pictures[0].shape == (48, 192, 3)
    assert [number_of(p) for p in pictures] == list(range(50))
    assert abs(float(pictures[0][24:].mean()) - 40) < 4  # neither washed out nor crushed by a wrong range


def test_decoding_is_a_stream(tmp_path):
    """The first pictures of a file that is damaged at its end come before the damage is met."""
    whole = make(tmp_path / "a.mp4", at_rate(25, 400), container_options={"movflags": "faststart"})
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 3 // 4])
    assert [number_of(p) for p in islice(iter_frames(cut), 100)] == list(range(100))
    with pytest.raises(Refused) as refusal:
        list(iter_frames(cut))
    assert refusal.value.reason == Reason.UNDECODABLE


def test_no_video_no_audio(tmp_path):
    silent = make(tmp_path / "silent.mp4")
    with pytest.raises(Refused) as refusal:
        read_audio(silent)
    assert refusal.value.reason == Reason.NO_AUDIO
    heard = make(tmp_path / "heard.m4a", times=[], audio=click(2.0, at=1.0))
    with pytest.raises(Refused) as refusal:
        next(iter_frames(heard))
    assert refusal.value.reason == Reason.NO_VIDEO
    assert abs(np.abs(read_audio(heard)).argmax() / 16000 - 1.0) < 0.001


@pytest.mark.parametrize("error", [av.error.MemoryError(errno.ENOMEM, "no memory"), MemoryError()])
def test_a_file_that_needs_too_much_memory_is_refused(tmp_path, monkeypatch, error):
    path = make(tmp_path / "a.mp4", at_rate(25, 5))

    def greedy(*_, **__):
        raise error

    with pytest.raises(Refused) as refusal, open_media(path):
        greedy()
    assert refusal.value.reason == Reason.MEMORY_LIMIT
    monkeypatch.setattr(av, "open", greedy)
    with pytest.raises(Refused) as refusal, open_media(path):
        pass
    assert refusal.value.reason == Reason.MEMORY_LIMIT
