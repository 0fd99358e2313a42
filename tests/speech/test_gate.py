import numpy as np
import pytest
from hypothesis import given, strategies as st

from npvf.clip import Phone, Phones
from npvf.speech.gate import gate


def phones(*items):
    return Phones(tuple(Phone(*i) for i in items), "times")


def naive(spoken, frames, which, critical, pad):
    """The rule of the docstring, frame by frame in whole milliseconds."""

    def ms(seconds):
        return round(seconds * 1000)

    def touched(t):
        return any(p.phone in critical and ms(p.start) < 40 * (t + 1) and ms(p.end) > 40 * t for p in spoken.items)

    mask = []
    for t in range(frames):
        speech = any(p.phone != "sil" and ms(p.start) <= 40 * t + 20 < ms(p.end) for p in spoken.items)
        near = any(touched(u) for u in range(t - pad, t + pad + 1))
        mask.append(
            {"all": speech, "critical": speech and near, "noncritical": speech and not near, "none": True}[which]
        )
    return np.array(mask, dtype=bool)


@st.composite
def utterances(draw):
    at, items = draw(st.integers(0, 200)), []
    for name in draw(st.lists(st.sampled_from(["sil", "spn", "m", "b", "f", "aa", "s"]), max_size=15)):
        length = draw(st.integers(1, 30)) * 10
        items.append(Phone(name, at / 1000, (at + length) / 1000))
        at += length
    return Phones(tuple(items), "times")


@given(utterances(), st.integers(0, 60), st.sampled_from([{"m", "b", "p"}, {"f", "m"}, set()]), st.integers(0, 3))
def test_the_naive_rule_agrees(spoken, frames, critical, pad):
    for which in ("noncritical", "critical", "all", "none"):
        assert np.array_equal(gate(spoken, frames, which, critical, pad), naive(spoken, frames, which, critical, pad))


@given(utterances(), st.integers(0, 60), st.integers(0, 3))
def test_critical_and_noncritical_part_the_speech(spoken, frames, pad):
    critical = gate(spoken, frames, "critical", pad=pad)
    noncritical = gate(spoken, frames, "noncritical", pad=pad)
    assert not (critical & noncritical).any()
    assert np.array_equal(critical | noncritical, gate(spoken, frames, "all", pad=pad))


def test_one_word_by_hand():
    # frames:      0-1 silence          2-3             4 (from .16)       5-6             7 silence
    spoken = phones(("sil", 0, 0.08), ("ae", 0.08, 0.16), ("m", 0.16, 0.20), ("p", 0.20, 0.28), ("sil", 0.28, 1))
    assert gate(spoken, 10, "all").nonzero()[0].tolist() == [2, 3, 4, 5, 6]
    assert gate(spoken, 10, "critical", pad=0).nonzero()[0].tolist() == [4, 5, 6]
    assert gate(spoken, 10, "critical", pad=1).nonzero()[0].tolist() == [3, 4, 5, 6]  # 7 is near, yet silent
    assert gate(spoken, 10, "noncritical", pad=1).nonzero()[0].tolist() == [2]
    assert gate(spoken, 10, "none").all()


def test_a_closure_shorter_than_a_frame_is_never_lost():
    spoken = phones(("aa", 0, 0.145), ("b", 0.145, 0.15), ("aa", 0.15, 0.4))  # holds no frame's centre
    assert gate(spoken, 10, "critical", pad=0).nonzero()[0].tolist() == [3]


def test_unknown_speech_is_noncritical_and_gaps_are_silence():
    assert gate(phones(("spn", 0.4, 0.8)), 25, "noncritical").nonzero()[0].tolist() == list(range(10, 20))


def test_phones_outside_the_clip_do_no_harm():
    assert gate(phones(("m", -1.0, -0.5), ("aa", 3.0, 4.0)), 10, "all").sum() == 0


@pytest.mark.parametrize(("which", "frames", "pad"), [("visemes", 1, 2), ("all", -1, 2), ("all", 1, -1)])
def test_nonsense_is_refused(which, frames, pad):
    with pytest.raises(ValueError):
        gate(phones(), frames, which, pad=pad)
