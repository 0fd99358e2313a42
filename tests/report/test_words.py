import pytest

from npvf.clip import Finding
from npvf.detect.verdict import Judgement
from npvf.errors import Reason, Refused
from npvf.report.words import ADVICE, HARMLESS, in_words, ratio_text, rests
from tests.helpers.findings import moving_clip, told


def words(**logits: float):
    detector = told(**logits)
    return in_words(detector.judge_clips([moving_clip()], "a.mp4", 2.0), detector)


def test_signs_of_a_forgery_are_not_called_a_proof() -> None:
    fake = words(sound=-3.0, motion=4.0)
    assert fake.headline == "Signs of a forgery"
    assert fake.sentence == (
        "There is moderate evidence for a forgery: it seems that a generator made the mouth's motion."
    )
    assert fake.not_meant[0].startswith("That it is proved: genuine videos are called fake, too")
    assert "mouth motion" in fake.sure and "at most 100 in favour" in fake.sure


def test_a_mismatch_comes_with_harmless_explanations() -> None:
    mismatch = words(sound=6.0, motion=-3.0)
    assert mismatch.sentence.startswith("Sound and lips do not fit each other, which harmless videos do, too.")
    assert "No sign of a forgery was found in mouth motion" in mismatch.sentence
    assert mismatch.harmless == HARMLESS and mismatch.not_meant[0].startswith("That it is a forgery")


def test_nothing_found_is_not_called_genuine() -> None:
    real = words(sound=-3.0, motion=-3.0)
    assert real.headline == "No sign of a forgery"
    assert real.sentence == "No sign of a forgery was found in sound and lips, or in mouth motion."
    assert real.not_meant[0].startswith("That the video is genuine") and not real.harmless


def test_evidence_below_the_threshold_is_stated() -> None:
    undecided = words(sound=-3.0, motion=1.0)
    assert undecided.headline == "No finding reaches its threshold"
    assert "weak evidence that a generator made the mouth's motion" in undecided.sentence


def test_an_abstention_says_what_to_do() -> None:
    refused = Judgement.abstain("a.mp4", Refused(Reason.NO_FACE, "a.mp4: no face was found."), "d")
    abstained = in_words(refused, told(motion=1.0))
    assert abstained.sentence == "npvf gives no verdict on this video: a.mp4: no face was found."
    assert (abstained.code, abstained.advice) == ("no_face", ADVICE["no_face"])
    assert abstained.not_meant == ("That the video is real, or that it is fake: neither follows.",)
    assert not abstained.sure


def test_every_reason_to_refuse_a_video_has_advice() -> None:
    of_corpora = {Reason.DUPLICATE, Reason.LISTED_TWICE, Reason.NOT_LISTED}
    assert set(ADVICE) == set(Reason) - of_corpora


@pytest.mark.parametrize(
    ("log10_lr", "word", "text"),
    [
        (0.1, "no", "This says nothing."),
        (-0.8, "weak", "about 6 times as likely if B as if A. This is weak evidence."),
        (4.5, "very strong", "about 32,000 times as likely if A as if B. This is very strong evidence."),
    ],
)
def test_a_ratio_is_told_for_the_proposition_that_it_supports(log10_lr: float, word: str, text: str) -> None:
    assert rests(Finding("picture", "replaced", ("A", "B"), log10_lr, (-5, 5), word, track=0)).endswith(text)


def test_ratios_have_the_digits_that_they_deserve() -> None:
    assert [ratio_text(x) for x in (0.31, 0.6, 1.0, 2.2, 4.04)] == ["2.0", "4", "10", "160", "11,000"]


def test_the_text_to_paste_is_complete_and_plain() -> None:
    text = words(sound=6.0, motion=-3.0).text("a.mp4", "ab" * 32, 2.0, "npvf 1, detector d, today")
    lines = text.splitlines()
    assert lines[0] == f"a.mp4 (2.0 s, SHA-256 {'ab' * 32})" and lines[1].startswith("Result: Sound and lips")
    assert "It does not mean:" in lines and lines[-1] == "npvf 1, detector d, today"
