import json

import numpy as np
import pytest

from npvf.clip import SAMPLE_RATE, Phones
from npvf.speech.voice_activity import speech_spans, voice_activity


def sound(*parts, noise=1e-3, seed=0):
    """(seconds, amplitude) pieces of a buzz in faint noise."""
    rng = np.random.default_rng(seed)
    pieces = []
    for seconds, amplitude in parts:
        t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        pieces.append(amplitude * np.sign(np.sin(2 * np.pi * 120 * t)))
    audio = np.concatenate(pieces)
    return (audio + rng.normal(0, noise, len(audio))).astype(np.float32)


def test_loud_stretches_are_speech():
    audio = sound((0.5, 0), (0.8, 0.3), (0.4, 0), (0.6, 0.2), (0.7, 0))
    assert np.allclose(speech_spans(audio), [(0.5, 1.3), (1.7, 2.3)], atol=0.03)


def test_a_short_pause_is_speech_and_a_click_is_not():
    audio = sound((0.5, 0), (0.4, 0.3), (0.1, 0), (0.4, 0.3), (0.5, 0), (0.02, 0.3), (0.5, 0))
    assert np.allclose(speech_spans(audio), [(0.5, 1.4)], atol=0.03)


def test_phones_cover_the_clip_and_say_their_source():
    phones = voice_activity(sound((0.5, 0), (0.8, 0.3), (0.4, 0)))
    assert phones.source == "voice_activity"
    assert [p.phone for p in phones.items] == ["sil", "spn", "sil"]
    assert phones.items[0].start == 0
    assert phones.items[-1].end == pytest.approx(1.7)
    assert all(a.end == b.start for a, b in zip(phones.items, phones.items[1:], strict=False))
    assert phones.items[1].end - phones.items[1].start == pytest.approx(0.8, abs=0.04)
    assert Phones.from_json(json.loads(json.dumps(phones.to_json()))) == phones


@pytest.mark.parametrize("level", [1.0, 0.03])
def test_loudness_as_a_whole_does_not_matter(level):
    audio = sound((0.5, 0), (0.8, 0.3), (0.4, 0), (0.6, 0.2), (0.7, 0))
    assert len(speech_spans(level * audio)) == 2


def test_the_threshold_follows_a_change_of_level():
    """A loud half minute does not hide the quiet one after it."""
    quiet = 0.01 * sound((1, 0), *[(1, 0.3), (1, 0)] * 15)
    loud = sound((1, 0), *[(1, 0.3), (1, 0)] * 15)
    assert len(speech_spans(np.concatenate([loud[: 30 * SAMPLE_RATE], quiet]))) >= 28


def test_steady_sound_is_not_speech():
    assert speech_spans(sound((3, 0), noise=0.1)) == []
    assert speech_spans(sound((3, 0.3))) == []
    assert speech_spans(sound((3, 0.3)), steady=True) == [(0.0, 3.0)]
    assert speech_spans(np.zeros(48_000, np.float32), steady=True) == []


def test_int16_and_float_say_the_same():
    audio = sound((0.5, 0), (0.8, 0.3), (0.4, 0))
    assert speech_spans((audio * 32768).astype(np.int16)) == speech_spans(audio)


def test_no_sound_at_all():
    assert voice_activity(np.zeros(0, np.float32)).items == ()
    assert [p.phone for p in voice_activity(np.zeros(16_000, np.float32)).items] == ["sil"]
    assert voice_activity(np.zeros(100, np.float32)).items[0].end == pytest.approx(100 / SAMPLE_RATE)
