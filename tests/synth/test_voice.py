from itertools import pairwise

import numpy as np
import pytest

from npvf.clip import SAMPLE_RATE
from npvf.errors import NpvfError
from npvf.speech.inventory import CRITICAL, PHONES, SILENCE
from npvf.synth.room import record
from npvf.synth.sentences import SENTENCES, sentences
from npvf.synth.voice import VOICES, Voice, speak

pytest.importorskip("espeakng_loader")


def _level(audio_N: np.ndarray, start: float, end: float) -> float:
    return float(np.sqrt(np.mean(audio_N[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)] ** 2)))


def test_the_phones_follow_each_other_without_gaps_and_are_the_inventorys() -> None:
    speech = speak("Pamela bought a big blue map before my mother went home.")
    items = speech.phones.items
    assert speech.phones.source == "times"
    assert items[0].start == 0 and items[-1].end == pytest.approx(speech.seconds, abs=1e-3)
    assert all(a.end == pytest.approx(b.start, abs=1e-6) and a.end > a.start for a, b in pairwise(items))
    assert {p.phone for p in items} <= PHONES | {SILENCE}
    spoken = [p.phone for p in items if p.phone in CRITICAL]
    assert spoken == list("pmbbbmpbmmm")


@pytest.mark.parametrize("voice", VOICES[:3])
def test_times_agree_with_the_sound(voice: Voice) -> None:
    speech = speak("Sam saw a sissy. See the sea.", voice)
    rates = {"s": [], "iy": []}
    for item in speech.phones.items:
        if item.phone in rates and item.end - item.start > 0.06:
            inside = speech.audio_N[int((item.start + 0.02) * 16000) : int((item.end - 0.02) * 16000)]
            rates[item.phone].append(np.mean(np.diff(np.sign(inside)) != 0))
    assert min(rates["s"]) > 0.2  # crossings of zero: hissing, and voiced
    assert np.median(rates["iy"]) < 0.15


@pytest.mark.parametrize("voice", VOICES[:2])
def test_a_stop_begins_with_its_silent_closure(voice: Voice) -> None:
    speech = speak("A happy puppy.", voice)
    stops = [p for p in speech.phones.items if p.phone == "p"]
    assert len(stops) == 3
    for stop in stops:
        assert stop.end - stop.start > 0.06
        before = _level(speech.audio_N, stop.start - 0.05, stop.start - 0.01)
        assert _level(speech.audio_N, stop.start + 0.005, stop.start + 0.025) < 0.15 * before


def test_the_same_sentence_sounds_the_same_whatever_was_said_before() -> None:
    first = speak(SENTENCES[0], VOICES[1])
    speak(SENTENCES[1], VOICES[2])
    again = speak(SENTENCES[0], VOICES[1])
    np.testing.assert_array_equal(first.audio_N, again.audio_N)
    assert first.phones == again.phones


def test_voices_differ_and_an_unknown_one_is_refused() -> None:
    assert len({v.espeak for v in VOICES}) >= 6
    a, b = (speak("My name.", v).audio_N for v in VOICES[:2])
    assert len(a) != len(b) or np.abs(a - b).max() > 0.1
    with pytest.raises(NpvfError, match="no voice"):
        speak("Hello.", Voice("xx-nowhere"))


def test_a_room_moves_nothing_and_has_no_digital_silence() -> None:
    speech = speak("Bob may bring a map.")
    heard = record(speech, seed=3)
    assert len(heard.audio_N) % 640 == 0
    assert heard.phones.items[0].phone == heard.phones.items[-1].phone == SILENCE
    assert heard.phones.items[-1].end == pytest.approx(heard.seconds)
    lag = np.argmax(np.correlate(heard.audio_N, speech.audio_N, "valid"))
    first_dry = next(p for p in speech.phones.items if p.phone != SILENCE)
    first_wet = heard.phones.items[1]
    assert first_wet.start - first_dry.start == pytest.approx(lag / SAMPLE_RATE, abs=1e-3)
    frames = heard.audio_N.reshape(-1, 640)
    assert (np.abs(frames).max(1) > 0).all()
    np.testing.assert_array_equal(heard.audio_N, record(speech, seed=3).audio_N)


def test_any_number_of_sentences_with_little_repetition() -> None:
    many = sentences(500, seed=1)
    assert len(many) == len(set(many)) == 500
    assert sentences(500, seed=1) == many != sentences(500, seed=2)
    assert sentences(20, seed=1) == many[:20]
    letters = "".join(SENTENCES).lower()
    assert sum(letters.count(c) for c in "mbp") / sum(c.isalpha() for c in letters) > 0.08
