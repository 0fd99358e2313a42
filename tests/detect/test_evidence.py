from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from npvf.clip import Phone, Phones
from npvf.detect.detector import DetectorSettings
from npvf.detect.evidence import ClipEvidence, Judgement, build_verdict, most_suspicious, phone_evidence
from npvf.detect.scoring import ScoredClip
from npvf.errors import NpvfError, Reason, Refused
from tests.helpers.tiny_corpus import blob_clip

CRITICAL = frozenset({"m", "b", "p"})
SPOKEN = Phones((Phone("sil", 0, 0.2), Phone("aa", 0.2, 0.6), Phone("m", 0.6, 0.7), Phone("uw", 0.7, 2.0)), "times")


def detector(**settings: object) -> SimpleNamespace:
    return SimpleNamespace(settings=DetectorSettings(name="d", **settings))


def scored(
    logit: float = 0.0, frames: int = 50, starts: tuple[int, ...] = (0, 12, 24, 26), **rest: object
) -> ScoredClip:
    defaults = {"agreement_T": np.linspace(0, 1, frames), "gate_T": np.ones(frames, bool), "offset": 0, "undone": True}
    logits_K = np.full(len(starts), logit, dtype=float)
    return ScoredClip(starts_K=np.array(starts, int), logits_K=logits_K, **{**defaults, **rest})


def evidence(scores: ScoredClip | None, track: int = 0, start: float = 0.0, phones: Phones = SPOKEN) -> ClipEvidence:
    item = ClipEvidence(track, (start, start + 2.0), phones, scores)
    if scores is not None:
        item.sounds = phone_evidence(item, scores, CRITICAL)
    return item


@pytest.mark.parametrize(
    ("logit", "expected", "code"),
    [(3.0, "fake", "lips"), (-3.0, "real", "lips"), (0.15, "abstain", "too_close_to_call:")],
)
def test_the_threshold_decides(logit: float, expected: str, code: str) -> None:
    verdict = build_verdict([evidence(scored(logit))], "v.mp4", 2.0, detector())
    assert verdict.verdict == expected and verdict.reason.startswith(code)
    assert verdict.fake_probability == pytest.approx(1 / (1 + np.exp(-logit)))
    assert (verdict.video, verdict.detector, verdict.phone_source) == ("v.mp4", "d", "times")


def test_at_another_threshold_the_same_score_is_another_verdict() -> None:
    item = evidence(scored(1.0))
    assert build_verdict([item], "v", 2.0, detector(threshold=0.9)).verdict == "real"
    assert build_verdict([item], "v", 2.0, detector(threshold=0.3)).verdict == "fake"


def test_too_little_speech_has_no_probability() -> None:
    gate_T = np.arange(50) < 8
    verdict = build_verdict([evidence(scored(3.0, starts=(0,), gate_T=gate_T))], "v", 2.0, detector())
    assert (verdict.verdict, verdict.fake_probability) == ("abstain", None)
    assert verdict.reason.startswith("too_little_speech: ")


def test_speech_without_a_segment_that_holds_enough_of_it_is_not_judged() -> None:
    verdict = build_verdict([evidence(scored(starts=()))], "v", 2.0, detector())
    assert verdict.reason.startswith("too_little_speech: ") and verdict.coverage == 0
    assert verdict.tracks[0].fake_probability is None and verdict.phone_source == "times"


def test_a_face_that_does_not_speak_is_listed_and_the_most_suspicious_one_decides() -> None:
    items = [evidence(scored(-2.0), 0), evidence(None, 1), evidence(scored(2.0), 2), evidence(scored(-2.0), 0, 2.0)]
    verdict = build_verdict(items, "v", 4.0, detector())
    assert [track.id for track in verdict.tracks] == [0, 1, 2]
    assert [track.span for track in verdict.tracks] == [(0, 4), (0, 2), (0, 2)]
    assert verdict.tracks[1].fake_probability is None and verdict.tracks[1].segments == []
    assert verdict.fake_probability == verdict.tracks[2].fake_probability == pytest.approx(0.881, abs=1e-3)
    assert verdict.verdict == "fake"


def test_coverage_is_the_share_of_the_time_in_judged_segments() -> None:
    items = [evidence(scored(starts=(0, 12)), start=2.0), evidence(None, 1), evidence(scored(starts=(0,)), 2, 2.0)]
    assert build_verdict(items, "v", 10.0, detector()).coverage == pytest.approx(36 / 250)


def test_the_offset_is_that_of_the_longest_clip_that_has_one() -> None:
    long = evidence(scored(offset=None, undone=False))
    long.span = (0.0, 20.0)
    items = [long, evidence(scored(offset=9, undone=False)), evidence(None)]
    assert build_verdict(items, "v", 20.0, detector()).audio_offset_s == pytest.approx(0.36)
    assert build_verdict([long], "v", 20.0, detector()).audio_offset_s is None


def test_segments_and_sounds_stand_on_the_clock_of_the_video() -> None:
    verdict = build_verdict([evidence(scored(), start=10.0)], "v", 12.0, detector())
    first, second = verdict.tracks[0].segments[:2]
    assert (first.start, first.end) == (10.0, pytest.approx(10.96))
    assert second.start == pytest.approx(10.48)
    assert first.agreement == pytest.approx(np.linspace(0, 1, 50)[:24].mean())
    assert [(p.phone, p.critical) for p in first.phones] == [("aa", False), ("m", True), ("uw", False)]
    assert [p.phone for p in verdict.tracks[0].segments[2].phones] == ["uw"]
    m = first.phones[1]
    assert (m.start, m.end) == (pytest.approx(10.6), pytest.approx(10.7))
    assert m.agreement == pytest.approx(np.linspace(0, 1, 50)[15:18].mean())


def test_a_sound_is_compared_with_the_pictures_that_the_offset_moves_it_to() -> None:
    late = evidence(scored(offset=5, undone=True))
    aa, m, _ = late.sounds
    assert (m.start, m.end) == (0.6, 0.7)  # as heard
    assert m.agreement == pytest.approx(np.linspace(0, 1, 50)[10:13].mean())  # as seen, 0.2 s before
    assert late.frame_of(m) == 11
    assert aa.agreement == pytest.approx(np.linspace(0, 1, 50)[0:10].mean())
    as_it_stands = evidence(scored(offset=12, undone=False)).sounds[1]
    assert as_it_stands.agreement == pytest.approx(np.linspace(0, 1, 50)[15:18].mean())


def test_a_sound_that_met_no_picture_has_no_agreement() -> None:
    agreement_T = np.full(50, 0.5)
    agreement_T[:3] = np.nan
    spoken = Phones((Phone("k", 0.0, 0.1), Phone("aa", 0.1, 1.0)), "times")
    (aa,) = evidence(scored(agreement_T=agreement_T), phones=spoken).sounds
    assert (aa.phone, aa.agreement) == ("aa", 0.5)


def test_the_most_suspicious_sounds_come_worst_first_without_the_shortest() -> None:
    spoken = Phones((Phone("t", 0.0, 0.03), Phone("aa", 0.04, 0.4), Phone("iy", 0.4, 0.44), Phone("s", 1, 2)), "times")
    sounds = evidence(scored(), phones=spoken).sounds
    assert len(sounds) == 4
    assert [s.phone for s in most_suspicious(sounds, 3)] == ["aa", "iy", "s"]
    assert [s.phone for s in most_suspicious(sounds, 1)] == ["aa"]


def test_pictures_are_kept_small() -> None:
    clip = blob_clip("a", 1)
    item = ClipEvidence.of(clip, scored(), CRITICAL)
    assert min(item.faces) == 0 and max(item.faces) == 49
    pictures = [cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) for jpeg in item.faces.values()]
    assert {p.shape for p in pictures} == {(112, 112, 3)}
    assert set(item.mouths) == {item.frame_of(s) for s in item.sounds}
    mouth = cv2.imdecode(np.frombuffer(next(iter(item.mouths.values())), np.uint8), cv2.IMREAD_COLOR)
    assert abs(mouth.mean() - clip.face_THWC[:, 98:202, 60:164].mean()) < 12
    assert ClipEvidence.of(clip, None).mouths == {}


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
