"""Recogniser and aligner on real speech: GRID clips, whose names spell what is said."""

import os
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.phone_errors import calibrate_delay, find_events, onset_errors, phone_error_rate
from npvf.clip import SAMPLE_RATE
from npvf.errors import Reason, Refused
from npvf.speech import recogniser
from npvf.speech.inventory import BILABIAL, PHONES, UNKNOWN
from npvf.speech.recogniser import recognise
from npvf.speech.sources import find_phones
from npvf.speech.transcript import align_transcript

CLIPS = os.environ.get("NPVF_CLIPS")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CLIPS, reason="set NPVF_CLIPS to a folder with grid/ and wild/"),
]

SENTENCES = {
    "s1/bgaa8p": "bin green at a eight please",
    "s1/bbws8n": "bin blue with s eight now",
    "speakers/brbk7n": "bin red by k seven now",
    "speakers/lbax4n": "lay blue at x four now",
    "speakers/pwij3p": "place white in j three please",
    "speakers/sbwe5n": "set blue with e five now",
    "speakers/swiz3n": "set white in z three now",
    "speakers/lrwp9a": "lay red with p nine again",
}


@pytest.fixture(scope="module")
def sounds():
    pytest.importorskip("hama")
    pytest.importorskip("pocketsphinx")
    return {name: read(Path(CLIPS) / "grid" / f"{name}.mpg") for name in SENTENCES}


@pytest.fixture(scope="module")
def reference(sounds):
    return [align_transcript(sounds[name], words) for name, words in SENTENCES.items()]


@pytest.fixture(scope="module")
def recognised(sounds):
    return [recognise(sound) for sound in sounds.values()]


def read(path):
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
        frames = [*container.decode(audio=0), None]
        return np.concatenate([r.to_ndarray()[0] for f in frames for r in resampler.resample(f)])


@pytest.mark.slow
def test_the_recogniser_agrees_with_the_forced_alignment(recognised, reference):
    assert phone_error_rate(recognised, reference) <= 0.35
    assert np.median(np.abs(onset_errors(recognised, reference))) <= 0.030
    assert find_events(recognised, reference, BILABIAL).f1 >= 0.65


def test_the_shipped_delays_leave_none(recognised, reference):
    assert abs(calibrate_delay(recognised, reference)) <= 0.02


def test_uncorrected_it_is_late(sounds, reference):
    late = [recognise(s, dict.fromkeys((*PHONES, UNKNOWN), 0.0)) for s in list(sounds.values())[:3]]
    assert 0.04 <= calibrate_delay(late, reference[:3]) <= 0.10


@pytest.mark.parametrize("source", ["recognised", "reference"])
def test_a_clip_is_covered_with_phones_of_sane_length(sounds, source, request):
    for phones, sound in zip(request.getfixturevalue(source), sounds.values(), strict=True):
        assert phones.items[0].start == 0
        assert phones.items[-1].end == pytest.approx(len(sound) / SAMPLE_RATE)
        assert all(a.end == pytest.approx(b.start) for a, b in zip(phones.items, phones.items[1:], strict=False))
        longest = 0.4 if source == "recognised" else 0.8  # the aligner lets a phone fill a pause
        assert all(0.015 <= p.end - p.start <= longest + 1e-9 for p in phones.items if p.phone in PHONES)
        assert 0.8 <= sum(p.end - p.start for p in phones.items if p.phone != "sil") <= 2.4


@pytest.mark.slow
def test_windows_say_what_the_whole_says(sounds, monkeypatch):
    together = np.concatenate(list(sounds.values())[:4])  # 12 s, shorter than one window
    whole = recognise(together)
    monkeypatch.setattr(recogniser, "_WINDOW", 300)  # 6 s
    windows = recognise(together)
    count = [sum(p.phone in PHONES for p in phones.items) for phones in (whole, windows)]
    assert abs(count[0] - count[1]) <= 0.1 * count[0]
    assert phone_error_rate([windows], [whole]) <= 0.15  # the network hears the same sound a little otherwise
    assert np.median(np.abs(onset_errors([windows], [whole]))) <= 0.01


def test_an_alignment_does_not_depend_on_what_was_heard_before(sounds, reference):
    name = next(iter(SENTENCES))
    assert align_transcript(sounds[name], SENTENCES[name]) == reference[0]


def test_words_nobody_can_pronounce_are_named(sounds):
    with pytest.raises(Refused, match=r"'7'.*'grxq'.*spell them") as refusal:
        find_phones(sounds["s1/bgaa8p"], transcript="Bin grxq, at 7")
    assert refusal.value.reason is Reason.BAD_SIDECAR


def test_a_transcript_of_something_longer_does_not_fit(sounds):
    words = (
        "the quick brown fox jumps over the lazy dog and runs away from all of its enemies in the wood while singing"
    )
    with pytest.raises(Refused, match="does not fit"):
        align_transcript(sounds["s1/bgaa8p"], words)
    with pytest.raises(Refused, match="no words"):
        align_transcript(sounds["s1/bgaa8p"], " ... ")
