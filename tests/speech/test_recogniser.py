"""The recogniser's own logic on a stand-in network, whose spikes are known; the real one in test_grid_phones.py."""

from types import SimpleNamespace

import numpy as np
import pytest

from npvf.clip import SAMPLE_RATE
from npvf.speech import recogniser
from npvf.speech.recogniser import DELAY, FRAME, listen, recognise

TOKENS = ["m", "aɪ", "s", "ja", "<wb>", "<blank>"]
BLANK = 5


class Network:
    """Hears token k wherever the sound is about (k + 1) / 10 loud."""

    def __init__(self, jitter=False):
        self.jitter = jitter
        self.lengths = []

    def run(self, names, feeds):
        audio = feeds["waveform"]
        self.lengths.append(len(audio))
        frames = len(audio) // FRAME
        peak = np.abs(audio[: frames * FRAME]).reshape(frames, FRAME).max(1)
        token = np.rint(peak * 10).astype(int) - 1
        token[(token < 0) | (token >= BLANK)] = BLANK
        if self.jitter and len(self.lengths) % 2 == 0:
            token = np.append(token[1:], BLANK)  # every second window hears all a frame early
        log_probs = np.full((1, frames, len(TOKENS)), np.log(0.02), np.float32)
        log_probs[0, np.arange(frames), token] = np.log(0.9)
        return [log_probs, np.array([frames])]


@pytest.fixture
def network(monkeypatch):
    network = Network()
    config = SimpleNamespace(temperature=0.95, blank_bias=-0.1, word_boundary_token="<wb>")
    model = SimpleNamespace(session=network, decoder_tokens=TOKENS, blank_id=BLANK, decode_cfg=config)
    monkeypatch.setattr(recogniser, "_model", lambda: model)
    return network


def spoken(seconds, spikes, hum=()):
    """Sound with one frame of level (k + 1) / 10 a spike (seconds, k), and a faint hum over some spans."""
    audio = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    for start, end in hum:
        audio[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = 0.04
    for time, token in spikes:
        at = round(time / 0.02) * FRAME
        audio[at : at + FRAME] = (token + 1) / 10
    return audio


def names(phones):
    return [p.phone for p in phones.items]


def assert_covers(phones, seconds):
    assert phones.items[0].start == 0
    assert phones.items[-1].end == pytest.approx(seconds)
    for a, b in zip(phones.items, phones.items[1:], strict=False):
        assert a.end == pytest.approx(b.start)
    assert all(p.end > p.start for p in phones.items)


def test_onsets_come_before_spikes_by_the_delay_of_the_sound(network):
    phones = recognise(spoken(2, [(0.6, 0), (0.8, 1), (1.0, 2)], hum=[(0.5, 1.2)]))
    assert phones.source == "recogniser"
    assert names(phones) == ["sil", "m", "ay", "s", "sil"]
    onsets = [p.start for p in phones.items[1:4]]
    assert onsets == pytest.approx([0.6 - DELAY["m"], 0.8 - DELAY["ay"], 1.0 - DELAY["s"]])
    assert all(p.confidence == pytest.approx(0.9, abs=1e-3) for p in phones.items[1:4])
    assert phones.items[3].end == pytest.approx(1.2, abs=0.03)  # where the voice ends
    assert_covers(phones, 2)


def test_word_borders_and_repeats_are_no_phones(network):
    phones = recognise(spoken(2, [(0.6, 0), (0.62, 0), (0.8, 4), (1.0, 0)], hum=[(0.5, 1.2)]))
    assert names(phones) == ["sil", "m", "m", "sil"]


def test_one_token_may_be_two_phones(network):
    phones = recognise(spoken(2, [(0.8, 3)], hum=[(0.7, 1.2)]))
    assert [n for n in names(phones) if n != "sil"] == ["y", "aa"]
    assert_covers(phones, 2)


def test_a_voice_without_phones_is_unknown_speech(network):
    phones = recognise(spoken(6, [(1.0, 1)], hum=[(0.8, 1.3), (3.0, 5.0)]))
    assert names(phones) == ["sil", "ay", "sil", "spn", "sil"]
    assert phones.items[3].end - phones.items[3].start == pytest.approx(2.0, abs=0.05)
    assert_covers(phones, 6)


def test_a_held_vowel_goes_on_as_unknown_speech(network):
    phones = recognise(spoken(4, [(1.0, 1)], hum=[(0.9, 3.0)]))
    assert names(phones) == ["sil", "ay", "spn", "sil"]
    assert phones.items[1].end - phones.items[1].start == pytest.approx(0.4)
    assert phones.items[2].end == pytest.approx(3.0, abs=0.05)


def test_a_phone_too_quiet_for_energy_still_lasts(network):
    phones = recognise(spoken(3, [(0.6, 0), (2.0, 1)], hum=[(1.9, 2.4)]))
    quiet = phones.items[1]
    assert (quiet.phone, quiet.end - quiet.start) == ("m", pytest.approx(0.08, abs=0.02))


def test_under_steady_sound_phones_last_and_nothing_is_made_up(network):
    phones = recognise(spoken(6, [(1.0, 1), (1.2, 0), (4.0, 2)], hum=[(0, 6)]))
    assert names(phones) == ["sil", "ay", "m", "sil", "s", "sil"]
    assert [p.end - p.start for p in phones.items if p.phone in "ms"] == pytest.approx([0.4, 0.4])
    assert_covers(phones, 6)


def test_a_phone_at_the_very_beginning_stays_in_the_clip(network):
    phones = recognise(spoken(1, [(0.0, 0), (0.02, 2)]))
    assert names(phones)[:2] == ["m", "s"]
    assert_covers(phones, 1)


@pytest.mark.parametrize("jitter", [False, True])
def test_windows_lose_and_double_nothing(network, jitter):
    """Three minutes, spikes everywhere (also in the overlaps), windows that disagree by a frame."""
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.1, 0.3, 800))
    times = times[times < 170]
    tokens = [0 if k % 2 else 2 for k in range(len(times))]  # neighbours differ, so nothing collapses
    network.jitter = jitter
    phones = recognise(spoken(175, list(zip(times, tokens, strict=True)), hum=[(0.1, 171)]))
    heard = [p for p in phones.items if p.phone in ("m", "s")]
    assert [p.phone for p in heard] == [TOKENS[k] for k in tokens]
    expected = [t - DELAY[TOKENS[k]] for t, k in zip(times, tokens, strict=True)]
    assert np.abs(np.array([p.start for p in heard]) - expected).max() <= (0.045 if jitter else 0.025)
    assert max(network.lengths) <= 23 * SAMPLE_RATE  # the real network drops what lies beyond 30 s
    assert len(network.lengths) >= 9


@pytest.mark.parametrize("samples", [0, 1, 319, 320, 700])
def test_scraps(network, samples):
    phones = recognise(np.zeros(samples, np.float32))
    assert sum(p.end - p.start for p in phones.items) == pytest.approx(samples / SAMPLE_RATE)
    assert set(names(phones)) <= {"sil"}


def test_int16_memory_maps(network, tmp_path):
    audio = spoken(30, [(0.6, 0), (19.0, 1), (21.0, 2)], hum=[(0.5, 1.2), (18, 22)])
    mapped = np.memmap(tmp_path / "sound", dtype=np.int16, mode="w+", shape=len(audio))
    mapped[:] = np.round(audio * 32768)
    assert names(recognise(mapped)) == names(recognise(audio))


def test_posteriors_are_roots_of_probabilities_two_a_video_frame(network):
    heard = listen(spoken(2, [(0.5, 0), (1.0, 2)]))
    assert heard.posteriors_FP.shape == (100, len(TOKENS)) and heard.posteriors_FP.dtype == np.uint8
    assert heard.posteriors_FP[25, 0] == round(255 * 0.9**0.5) and heard.posteriors_FP[25, 1] == round(255 * 0.02**0.5)
    assert heard.tokens_F[50] == 2 and heard.tokens_F[49] == BLANK


def test_a_long_clip_is_heard_once_from_end_to_end(network):
    times = [0.5 + 0.37 * n for n in range(160)]
    audio = spoken(61, [(time, n % 3) for n, time in enumerate(times)])
    heard = listen(audio)
    assert len(heard.posteriors_FP) == len(heard.tokens_F) == 61 * 50
    assert (heard.posteriors_FP.argmax(1) == heard.tokens_F).all() and (heard.tokens_F != BLANK).sum() == 160
    assert recognise(audio, heard=heard) == recognise(audio)


def test_nothing_is_heard_of_no_audio(network):
    assert listen(np.zeros(0, np.float32)).posteriors_FP.shape == (0, recogniser.POSTERIORS)
