import pytest

from npvf.clip import Finding, FindingName
from npvf.detect.calibration import Calibration
from npvf.detect.findings import finding, not_found
from npvf.detect.likelihood import LikelihoodRatio
from npvf.detect.rule import explain, forgery_evidence, verdict_of

THRESHOLD = 2.0
RATIO = LikelihoodRatio(Calibration(1.0, 0.0), -2.0, 2.0)


def found(name: FindingName, log_odds: float) -> Finding:
    return finding(name, log_odds, RATIO, THRESHOLD, track=0, measurements={})


def judge(**log_odds: float | str) -> tuple[str, str]:
    findings = [
        not_found(name, said, {}) if isinstance(said, str) else found(name, said)  # type: ignore[arg-type]
        for name, said in log_odds.items()
    ]
    known = {name: said for name, said in log_odds.items() if not isinstance(said, str)}
    verdict, reason = verdict_of(forgery_evidence(known), THRESHOLD, findings)  # type: ignore[arg-type]
    return verdict, reason or explain(verdict, findings)


@pytest.mark.parametrize(
    ("log_odds", "verdict"),
    [
        ({"sound_and_lips": -9.0, "mouth_motion": 2.0}, "fake"),  # perfect agreement does not help a generator
        ({"sound_and_lips": -9.0, "mouth_motion": -9.0, "picture": 2.5}, "fake"),  # a face swap keeps the lips
        ({"sound_and_lips": 9.0, "mouth_motion": -9.0, "picture": -9.0}, "mismatch"),
        ({"sound_and_lips": 9.0, "mouth_motion": 2.5}, "fake"),
        ({"sound_and_lips": 1.9, "mouth_motion": 1.9, "picture": 1.9}, "real"),
        ({"mouth_motion": -1.0}, "real"),
        ({"sound_and_lips": 9.0, "mouth_motion": "mouth_hidden: a hand"}, "mismatch"),
        ({"sound_and_lips": -9.0, "mouth_motion": "mouth_hidden: a hand"}, "abstain"),
        ({"sound_and_lips": "sung: a song", "mouth_motion": -9.0}, "abstain"),
        ({"sound_and_lips": "sung: a song", "mouth_motion": 9.0}, "fake"),
    ],
)
def test_the_verdict_follows_from_the_findings(log_odds: dict[str, float | str], verdict: str) -> None:
    assert judge(**log_odds)[0] == verdict


def test_the_code_of_the_evidence_for_a_forgery_comes_first() -> None:
    both = judge(sound_and_lips="sung: a song", mouth_motion="mouth_hidden: a hand")
    assert both == ("abstain", "mouth_hidden: a hand")
    assert judge(sound_and_lips="sung: a song", mouth_motion=-1.0) == ("abstain", "sung: a song")


def test_words_name_the_harmless_explanations_and_what_was_not_looked_at() -> None:
    _, words = judge(sound_and_lips=9.0, mouth_motion=-3.0)
    assert "a dub, an interpreter, a voice-over, late sound or a still picture" in words
    assert "moderate evidence that the mouth's motion is that of a person" in words
    _, words = judge(sound_and_lips=-1.0, mouth_motion=-1.0)
    assert words.startswith(
        "no sign of a forgery in sound and lips, or in mouth motion; weak evidence that the audio was"
    )
    _, words = judge(sound_and_lips=-1.0, mouth_motion=1.0)
    assert words.startswith("no finding reaches its threshold; weak evidence that")
    assert words.endswith("weak evidence that a generator made the mouth's motion")
    _, words = judge(sound_and_lips="sung: the voice sings", mouth_motion=9.0)
    assert words.endswith("; sound and lips could not be judged: the voice sings")
