import numpy as np
import pytest

from npvf.detect.verdict import Judgement
from npvf.errors import NpvfError, Reason, Refused
from tests.helpers.evidence import evidence, judge, scored


@pytest.mark.parametrize(
    ("logit", "expected", "code"),
    [(3.0, "fake", "lips"), (-3.0, "real", "lips"), (0.15, "abstain", "too_close_to_call:")],
)
def test_the_threshold_decides(logit: float, expected: str, code: str) -> None:
    verdict = judge([evidence(scored(logit))], 2.0)
    assert verdict.verdict == expected and verdict.reason.startswith(code)
    assert verdict.fake_probability == pytest.approx(1 / (1 + np.exp(-logit)))
    assert (verdict.video, verdict.detector, verdict.phone_source) == ("v.mp4", "d", "times")


def test_at_another_threshold_the_same_score_is_another_verdict() -> None:
    item = evidence(scored(1.0))
    assert judge([item], 2.0, threshold=0.9).verdict == "real"
    assert judge([item], 2.0, threshold=0.3).verdict == "fake"


def test_too_little_speech_has_no_probability() -> None:
    gate_T = np.arange(50) < 8
    verdict = judge([evidence(scored(3.0, starts=(0,), gate_T=gate_T))], 2.0)
    assert (verdict.verdict, verdict.fake_probability) == ("abstain", None)
    assert verdict.reason.startswith("too_little_speech: ")


def test_speech_without_a_segment_that_holds_enough_of_it_is_not_judged() -> None:
    verdict = judge([evidence(scored(starts=()))], 2.0)
    assert verdict.reason.startswith("too_little_speech: ") and verdict.coverage == 0
    assert verdict.tracks[0].fake_probability is None and verdict.phone_source == "times"


def test_a_face_that_does_not_speak_is_listed_and_the_most_suspicious_one_decides() -> None:
    items = [evidence(scored(-2.0), 0), evidence(None, 1), evidence(scored(2.0), 2), evidence(scored(-2.0), 0, 2.0)]
    verdict = judge(items, 4.0)
    assert [track.id for track in verdict.tracks] == [0, 1, 2]
    assert [track.span for track in verdict.tracks] == [(0, 4), (0, 2), (0, 2)]
    assert verdict.tracks[1].fake_probability is None and verdict.tracks[1].segments == []
    assert verdict.fake_probability == verdict.tracks[2].fake_probability == pytest.approx(0.881, abs=1e-3)
    assert verdict.verdict == "fake"


def test_coverage_is_the_share_of_the_time_in_judged_segments() -> None:
    items = [evidence(scored(starts=(0, 12)), start=2.0), evidence(None, 1), evidence(scored(starts=(0,)), 2, 2.0)]
    assert judge(items, 10.0).coverage == pytest.approx(36 / 250)


def test_the_offset_is_that_of_the_longest_clip_that_has_one() -> None:
    long = evidence(scored(offset=None, undone=False))
    long.span = (0.0, 20.0)
    items = [long, evidence(scored(offset=9, undone=False)), evidence(None)]
    assert judge(items, 20.0).audio_offset_s == pytest.approx(0.36)
    assert judge([long], 20.0).audio_offset_s is None


def test_segments_and_sounds_stand_on_the_clock_of_the_video() -> None:
    verdict = judge([evidence(scored(), start=10.0)], 12.0)
    first, second = verdict.tracks[0].segments[:2]
    assert (first.start, first.end) == (10.0, pytest.approx(10.96))
    assert second.start == pytest.approx(10.48)
    assert first.agreement == pytest.approx(np.linspace(0, 1, 50)[:24].mean())
    assert [(p.phone, p.critical) for p in first.phones] == [("aa", False), ("m", True), ("uw", False)]
    assert [p.phone for p in verdict.tracks[0].segments[2].phones] == ["uw"]
    m = first.phones[1]
    assert (m.start, m.end) == (pytest.approx(10.6), pytest.approx(10.7))
    assert m.agreement == pytest.approx(np.linspace(0, 1, 50)[15:18].mean())


@pytest.mark.parametrize(
    ("error", "broken", "reason"),
    [
        (Refused(Reason.NO_FACE, "no face was found."), False, "no_face: no face was found."),
        (Refused(Reason.UNDECODABLE, "cannot be read."), True, "undecodable: cannot be read."),
        (Refused(Reason.NOT_FOUND, "is not there."), True, "not_found: is not there."),
        (NpvfError("no phone times"), True, "error: no phone times"),
    ],
)
def test_what_cannot_be_judged_abstains(error: NpvfError, broken: bool, reason: str) -> None:
    judgement = Judgement.abstain("v.mp4", error, "d")
    verdict = judgement.verdict
    assert (judgement.broken, verdict.reason) == (broken, reason)
    assert (verdict.verdict, verdict.fake_probability, verdict.coverage, verdict.phone_source) == (
        "abstain",
        None,
        0.0,
        None,
    )
