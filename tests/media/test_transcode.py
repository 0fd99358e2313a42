from fractions import Fraction

import numpy as np
import pytest

from npvf.errors import MissingDependency, NpvfError, Reason, Refused
from npvf.media import AudioEncoding, VideoEncoding, iter_frames, probe, read_audio, transcode
from npvf.media.transcode import need_encoder
from tests.helpers.media_maker import at_rate, click, is_flash, make, number_of, numbered

RNG = np.random.default_rng(0)


def _sound(audio_N, rate=16_000, codec="alac", bit_rate=None):
    return AudioEncoding(np.array_split(audio_N, 7), rate, codec, bit_rate)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "mpg"])
def test_another_sound_leaves_the_pictures_untouched(tmp_path, suffix):
    codec, sound = ("mpeg1video", "mp2") if suffix == "mpg" else ("libx264", "aac")
    times = [t if suffix == "mpg" else Fraction(1, 3) + t for t in at_rate(25, 50)]
    noise = RNG.normal(0, 0.2, 88200)
    source = make(tmp_path / f"a.{suffix}", times, flash=30, codec=codec, bframes=2, audio=noise, audio_codec=sound)
    target = tmp_path / "b.mp4"
    transcode(source, target, sound=_sound(click(2.0, at=1.2, rate=16000)))
    for before, after in zip(iter_frames(source), iter_frames(target), strict=True):
        np.testing.assert_array_equal(before, after)
    assert abs(np.abs(read_audio(target)).argmax() / 16000 - 1.2) < 0.001
    assert probe(target).video.start == 0


def test_another_sound_keeps_the_rotation(tmp_path):
    source = make(tmp_path / "a.mp4", rotation=90, audio=np.zeros(88200))
    transcode(source, tmp_path / "b.mp4", sound=_sound(np.zeros(32000)))
    assert probe(tmp_path / "b.mp4").video.rotation == 90


def test_pictures_without_presentation_times_are_written_anew(tmp_path):
    source = make(tmp_path / "a.avi", at_rate(25, 20), bframes=2)
    transcode(source, tmp_path / "b.mp4", sound=_sound(np.zeros(12800)))
    assert [number_of(p) for p in iter_frames(tmp_path / "b.mp4")] == list(range(20))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("codec", ["aac", "libmp3lame"])
@pytest.mark.parametrize("start", [Fraction(0), Fraction(1, 3)])
def test_other_pictures_leave_the_sound_untouched(tmp_path, suffix, codec, start):
    sound = 0.3 * click(2.0, at=1.2) + RNG.normal(0, 0.05, 88200)
    times = [start + t for t in at_rate(25, 50)]
    source = make(tmp_path / f"a.{suffix}", times, audio=sound, audio_codec=codec, audio_start=float(start))
    transcode(source, tmp_path / "b.mp4", VideoEncoding(numbered(k, flash=True) for k in range(50)))
    before, after = read_audio(source, 44100), read_audio(tmp_path / "b.mp4", 44100)
    end = min(len(before), len(after)) - 1200  # a codec pads its last frame
    assert end > 80_000
    # Matroska's clock ticks in milliseconds: there the place of the first sample is a rounded one.
    lag = int(np.correlate(np.pad(after[:end], 50), before[:end], "valid").argmax()) - 50
    assert abs(lag) <= (44 if suffix == "mkv" else 0)
    after, before = (after[lag:], before[: len(after) - lag]) if lag >= 0 else (after, before[-lag:])
    np.testing.assert_allclose(after[:80_000], before[:80_000], atol=2e-4 if suffix == "ts" else 1e-6)
    pictures = list(iter_frames(tmp_path / "b.mp4"))
    assert [number_of(p) for p in pictures] == list(range(50)) and all(map(is_flash, pictures))


def test_sound_before_the_first_picture_stays_out_of_the_clip(tmp_path):
    times = [Fraction(1, 2) + t for t in at_rate(25, 50)]
    source = make(tmp_path / "a.mkv", times, audio=click(2.5, at=1.2))
    transcode(source, tmp_path / "b.mp4", VideoEncoding(numbered(k) for k in range(50)))
    for path in (source, tmp_path / "b.mp4"):
        assert abs(np.abs(read_audio(path)).argmax() / 16000 - 0.7) < 0.001


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_both_anew(tmp_path, codec):
    source = make(tmp_path / "a.mp4", audio=np.zeros(88200))
    quiet = {"x265-params": "log-level=error:pools=none:frame-threads=1"} if codec == "libx265" else {}
    for name in ("b", "c"):
        pictures = VideoEncoding((numbered(k, k == 30) for k in range(60)), 30, codec, {"crf": "20", **quiet})
        transcode(source, tmp_path / f"{name}.mp4", pictures, _sound(click(2.0, 1.0, 44100), 44100, "aac", 64_000))
    info = probe(tmp_path / "b.mp4")
    assert info.video.average_fps == 30 and info.audio.codec == "aac"
    assert [k for k, p in enumerate(iter_frames(tmp_path / "b.mp4", 30)) if is_flash(p)] == [30]
    assert abs(np.abs(read_audio(tmp_path / "b.mp4")).argmax() / 16000 - 1.0) < 0.001
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "c.mp4").read_bytes()


def test_a_file_without_sound_stays_so_and_a_broken_one_leaves_nothing(tmp_path):
    transcode(make(tmp_path / "a.mp4"), tmp_path / "b.mp4", VideoEncoding(numbered(k) for k in range(5)))
    assert probe(tmp_path / "b.mp4").audio is None
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(Refused) as refusal:
        transcode(tmp_path / "broken.mp4", tmp_path / "c.mp4")
    assert refusal.value.reason == Reason.UNDECODABLE
    assert not (tmp_path / "c.mp4").exists()


def test_what_an_encoder_refuses_is_not_blamed_on_the_source(tmp_path):
    source = make(tmp_path / "a.mp4", audio=np.zeros(88200))
    with pytest.raises(NpvfError, match="libmp3lame cannot encode this") as failure:
        transcode(source, tmp_path / "b.mp4", sound=_sound(np.zeros(32000), 12_345, "libmp3lame", 32_000))
    assert not isinstance(failure.value, Refused)


def test_a_missing_encoder_says_what_to_do():
    with pytest.raises(MissingDependency, match=r"no encoder libnothing[\s\S]*PyAV"):
        need_encoder("libnothing")
