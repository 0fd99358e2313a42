"""The audio that comes out is the track and the channel that speak."""

from functools import cache

import numpy as np
import pytest

from npvf.errors import Reason, Refused
from npvf.media import VideoEncoding, read_audio, spool_audio, transcode
from npvf.media.decode import to_float
from npvf.media.recording import open_recording
from npvf.media.shown import Changes
from tests.helpers.odd_media import RATE, write

SECONDS = 2
TIME = np.arange(SECONDS * RATE) / RATE
RNG = np.random.default_rng(0)


@cache
def speech(pitch: float = 120.0) -> np.ndarray:
    """Harmonics in syllables, four a second, with pauses between words."""
    voice = sum(np.sin(2 * np.pi * pitch * k * TIME) / k for k in range(1, 30))
    syllables = np.maximum(np.sin(2 * np.pi * 4 * TIME), 0) * (np.sin(2 * np.pi * 0.8 * TIME) > -0.4)
    return (0.12 * voice * syllables).astype(np.float32)


def noise(level: float) -> np.ndarray:
    return RNG.normal(0, level, len(TIME)).astype(np.float32)


def music() -> np.ndarray:
    chord = sum(np.sin(2 * np.pi * pitch * TIME) for pitch in (220, 277, 330))
    return (0.1 * chord * (1 + 0.5 * np.sin(2 * np.pi * 2 * TIME))).astype(np.float32)


def film(path, tracks, layout="mono", default=0):
    frames = [np.full((64, 64, 3), 90, np.uint8)] * (SECONDS * 25)
    return write(path, frames, [np.atleast_2d(track) for track in tracks], layout, default=default)


def likeness(audio_N: np.ndarray, wanted_N: np.ndarray) -> float:
    """The largest correlation with a signal at 48 kHz over delays of some milliseconds."""
    wanted_N = wanted_N.reshape(-1, 3).mean(axis=1)
    length = min(len(audio_N), len(wanted_N)) - 400
    spectrum = np.fft.rfft(audio_N[:length]) * np.conj(np.fft.rfft(wanted_N[:length]))
    norm = np.linalg.norm(audio_N[:length]) * np.linalg.norm(wanted_N[:length])
    return float(np.fft.irfft(spectrum, length).max() / norm)


def heard(path):
    """The audio and what was changed, from a recording; `spool_audio` gives the same."""
    with open_recording(path) as recording:
        assert len(list(recording.frames())) == SECONDS * 25
        audio_N = recording.audio()
        changes = list(recording.changes)
    noted = Changes()
    np.testing.assert_array_equal(spool_audio(path, changes=noted), audio_N)
    np.testing.assert_array_equal(read_audio(path, start=0.5, end=1.5), to_float(audio_N[8_000:24_000]))
    assert noted == changes
    return to_float(audio_N), changes


@pytest.mark.slow
def test_mono_and_plain_stereo_are_mixed_without_a_word(tmp_path):
    for layout, channels in (("mono", [speech()]), ("stereo", [speech(), speech()]), ("stereo", [speech(), 0 * TIME])):
        audio_N, changes = heard(film(tmp_path / "a.mp4", [np.stack(channels)], layout))
        assert changes == []
        assert likeness(audio_N, speech()) > 0.9


@pytest.mark.parametrize("gain", [-1.0, -0.9, -0.7])
def test_an_inverted_channel_does_not_silence_the_other(tmp_path, gain):
    audio_N, changes = heard(film(tmp_path / "a.mp4", [np.stack([speech(), gain * speech()])], "stereo"))
    assert changes == ["audio_channel: only the left of 2 channels, which speaks more than all together"]
    assert likeness(audio_N, speech()) > 0.9
    assert np.abs(audio_N).max() > 0.1


@pytest.mark.parametrize("other", [noise(0.3), 3 * music()], ids=["noise", "music"])
@pytest.mark.parametrize(("place", "name"), [(0, "left"), (1, "right")])
def test_one_channel_speaks_and_the_other_drowns_it(tmp_path, other, place, name):
    channels = [other, other]
    channels[place] = speech()
    audio_N, changes = heard(film(tmp_path / "a.mp4", [np.stack(channels)], "stereo"))
    assert changes == [f"audio_channel: only the {name} of 2 channels, which speaks more than all together"]
    assert likeness(audio_N, speech()) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("others", [lambda: noise(0.3), music, lambda: 0 * TIME], ids=["noise", "music", "silence"])
def test_the_centre_of_surround_sound_speaks(tmp_path, others):
    channels = np.stack([others(), others(), speech(), others(), others(), others()])
    audio_N, changes = heard(film(tmp_path / "a.mp4", [channels], "5.1"))
    assert changes == ["audio_channel: the centre of 6 channels"]
    assert likeness(audio_N, speech()) > 0.9


def test_surround_sound_with_a_silent_centre(tmp_path):
    channels = np.stack([speech(), speech(), 0 * TIME, 0 * TIME, 0 * TIME, 0 * TIME]).astype(np.float32)
    audio_N, changes = heard(film(tmp_path / "a.mp4", [channels], "5.1"))
    assert [change.split(":")[0] for change in changes] == ["audio_channel"]
    assert likeness(audio_N, speech()) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("default", [lambda: 0 * TIME, lambda: noise(0.1), music], ids=["silence", "noise", "music"])
def test_the_second_track_speaks(tmp_path, suffix, default):
    audio_N, changes = heard(film(tmp_path / f"a.{suffix}", [default(), speech()]))
    assert [change.split(";")[0] for change in changes] == ["audio_track: track 2 of 2"]
    assert likeness(audio_N, speech()) > 0.9


def test_the_third_of_three_tracks_speaks(tmp_path):
    audio_N, changes = heard(film(tmp_path / "a.mkv", [0 * TIME, noise(0.05), speech()], default=1))
    assert [change.split(";")[0] for change in changes] == ["audio_track: track 3 of 3"]
    assert likeness(audio_N, speech()) > 0.9


@pytest.mark.slow
def test_of_two_languages_the_default_one_is_taken(tmp_path):
    path = film(tmp_path / "a.mp4", [speech(90), speech(140)], default=1)
    audio_N, changes = heard(path)
    assert changes == [] and likeness(audio_N, speech(140)) > 0.9
    assert likeness(to_float(spool_audio(path, track=1)), speech(90)) > 0.9


def test_a_track_that_is_not_there(tmp_path):
    path = film(tmp_path / "a.mp4", [speech()])
    with pytest.raises(Refused, match="1 audio tracks, and not a track 2") as refusal:
        spool_audio(path, track=2)
    assert refusal.value.reason == Reason.NO_AUDIO
    with pytest.raises(Refused), open_recording(path, track=2):
        pass


def test_tracks_that_start_late_keep_their_time(tmp_path):
    late = np.concatenate([np.zeros(RATE, np.float32), speech()[:RATE]])
    audio_N, _ = heard(film(tmp_path / "a.mkv", [0 * TIME, late]))
    assert np.abs(audio_N[:15_000]).max() < 0.01 < np.abs(audio_N[16_000:20_000]).max()


def test_a_copy_keeps_the_track_that_speaks(tmp_path):
    path = film(tmp_path / "a.mp4", [0 * TIME, speech()])
    frames = [np.full((64, 64, 3), 200, np.uint8)] * (SECONDS * 25)
    transcode(path, tmp_path / "b.mp4", VideoEncoding(frames))
    audio_N, changes = heard(tmp_path / "b.mp4")
    assert changes == [] and likeness(audio_N, speech()) > 0.9
