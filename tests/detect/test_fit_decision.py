"""What is fitted on validation videos: it hears partial forgeries, and it does not flatter itself on few people."""

from __future__ import annotations

import numpy as np
import pytest

from npvf.detect.aggregate import ClipScore, DecisionSettings, aggregate
from npvf.detect.calibration import Calibration, best_threshold
from npvf.detect.fit_decision import (
    LabelledScore,
    calibrated_without_own,
    fit_decision,
    fit_threshold,
    partial_forgeries,
    score_videos,
    undecided_for,
)

PLAIN = DecisionSettings(name="d")


def validation(people: int, fake: float = 3.0, real: float = -3.0, spread: float = 1.0) -> list[LabelledScore]:
    """Of each person a genuine and a wholly forged video of 18 segments."""
    rng = np.random.default_rng(0)
    return [
        LabelledScore(
            ClipScore(f"p{n}-{label}-t0-000", f"p{n}-{label}", 0, tuple(rng.normal(level, spread, 18).tolist())),
            label,
            f"p{n}",
        )
        for n in range(people)
        for label, level in ((0, real), (1, fake))
    ]


@pytest.mark.parametrize("scale", [0.1, 1.0, 20.0])
def test_fitted_on_whole_forgeries_it_hears_two_forged_segments_of_eighteen(scale: float) -> None:
    settings = fit_decision(validation(8, 6 * scale, -3 * scale, scale), PLAIN)
    logits = np.array([6.0, 6.0, *[-3.0] * 16]) * scale
    assert aggregate([ClipScore("k", "v", 0, tuple(logits))], settings).verdict == "fake"
    genuine = np.random.default_rng(7).normal(-3, 1, 60) * scale
    assert aggregate([ClipScore("k", "v", 0, tuple(genuine))], settings).verdict == "real"


def test_whole_forgeries_are_told_as_by_the_mean() -> None:
    clips = validation(12, 0.5, -0.5, 2.0)
    videos = score_videos(clips, fit_decision(clips, PLAIN))
    called_N = (videos.log_odds_N > 0).astype(int)
    means_N = np.array([np.mean(clip.score.logits) > 0 for clip in clips], int)
    assert (called_N == videos.labels_N).mean() >= (means_N == videos.labels_N).mean() - 1 / 12


def test_partial_forgeries_hold_one_forged_logit_in_eight() -> None:
    made = partial_forgeries(validation(2, 100.0, -100.0))
    assert [clip.label for clip in made] == [1, 1]
    assert [sum(logit > 0 for logit in clip.score.logits) for clip in made] == [2, 2]
    assert all(len(clip.score.logits) == 18 for clip in made)
    assert {clip.score.video for clip in made}.isdisjoint(clip.score.video for clip in validation(2))


def test_the_threshold_is_chosen_without_the_person_it_is_tried_on() -> None:
    logits_N = np.array([-2.0, 1.5, -1.0, 2.5, 0.5, 4.0, -3.0, 0.2])
    labels_N, people = np.array([0, 1] * 4), [n // 2 for n in range(8)]
    found_N = calibrated_without_own(logits_N, labels_N, people)
    expected = Calibration.fit(logits_N[2:], labels_N[2:]).probabilities(logits_N[:2])
    np.testing.assert_allclose(found_N[:2], expected)
    clips = [
        LabelledScore(ClipScore(f"{n}-t0-000", f"{n}", 0, (float(x),)), int(y), str(person))
        for n, (x, y, person) in enumerate(zip(logits_N, labels_N, people, strict=True))
    ]
    assert fit_threshold(score_videos(clips, PLAIN)) == best_threshold(found_N, labels_N)
    assert calibrated_without_own(logits_N, labels_N, [0] * 8) is None  # nobody is left


def test_few_people_make_it_cautious_and_stand_in_the_settings() -> None:
    few, many = (fit_decision(validation(people), PLAIN) for people in (3, 20))
    assert (few.people, many.people) == (3, 20)
    assert few.undecided == pytest.approx(0.129, abs=1e-3) and many.undecided == 0.05
    assert undecided_for(1) == pytest.approx(0.2236, abs=1e-4) and undecided_for(500) == 0.05


def test_segments_are_calibrated_by_their_own_labels() -> None:
    rng = np.random.default_rng(0)
    clips = []
    for n in range(40):
        labels = tuple(int(n % 2 and k < 6) for k in range(18))
        logits = tuple(float(rng.normal(2 if label else -2, 2)) for label in labels)
        clips.append(LabelledScore(ClipScore(f"{n}-t0-000", f"{n}", 0, logits), n % 2, f"p{n}", labels))
    settings = fit_decision(clips, PLAIN)
    assert settings.segment_calibration.a == pytest.approx(1.0, abs=0.25)  # (2 + 2) / 2**2
    assert settings.segment_calibration.b == pytest.approx(0.0, abs=0.4)
    assert settings.segment_calibration != settings.calibration


def test_both_classes_are_needed() -> None:
    with pytest.raises(ValueError, match="calibration needs fakes and reals"):
        fit_decision(validation(3)[::2], PLAIN)
