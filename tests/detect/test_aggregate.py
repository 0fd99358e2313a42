"""One score a video: pooling that hears a few forged segments, tracks, minimum speech, threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from npvf.detect.aggregate import ClipScore, DecisionSettings, aggregate, pool_logits, segment_means
from npvf.detect.calibration import Calibration
from npvf.detect.scoring import ScoringSettings
from npvf.detect.speech_detector import SpeechSettings
from npvf.errors import NpvfError

SETTINGS = DecisionSettings(min_speech=0.5)


def clip(*logits: float, track: int = 0, speech: float = 1.0, reason: str = "", seconds: float = 0.96) -> ClipScore:
    return ClipScore("k", "v", track, logits, speech=speech, reason=reason, seconds=seconds)


def test_a_few_forged_segments_in_a_long_video_are_heard() -> None:
    assert aggregate([clip(*[6.0] * 2, *[-3.0] * 16)], SETTINGS).verdict == "fake"
    assert aggregate([clip(*[-3.0] * 16), clip(6.0, 6.0)], SETTINGS).verdict == "fake"
    assert aggregate([clip(*[-3.0] * 18)], SETTINGS).verdict == "real"


def test_pooling_lies_between_mean_and_maximum_and_does_not_grow_with_length() -> None:
    logits_K = np.random.default_rng(0).normal(size=50)
    values = [pool_logits(logits_K, sharpness) for sharpness in (0.0, 0.5, 2.0, 1000.0)]
    assert values == sorted(values) and values[0] == pytest.approx(logits_K.mean())
    assert values[-1] == pytest.approx(logits_K.max(), abs=0.01)
    assert pool_logits(np.tile(logits_K, 7), 2.0) == pytest.approx(values[2])
    weights_K = np.repeat([1.0, 3.0], 25)
    assert pool_logits(logits_K, 2.0, weights_K) == pytest.approx(
        pool_logits(np.concatenate([logits_K[:25], np.tile(logits_K[25:], 3)]), 2.0)
    )


def test_the_most_suspicious_track_decides() -> None:
    found = aggregate([clip(4.0, track=3), clip(-4.0, track=1), clip(-4.0, track=3)], replace(SETTINGS, sharpness=0.0))
    assert found.worst == 3 and found.log_odds == pytest.approx(0.0)
    assert found.tracks[1].log_odds == -4.0
    in_turn = aggregate([clip(4.0, track=0), clip(-4.0, track=1)], SETTINGS)
    assert in_turn.verdict == "fake" and in_turn.probability == pytest.approx(expit(4.0))


def test_speech_counts_over_the_whole_video() -> None:
    short = [clip(2.0, speech=0.4), clip(2.0, speech=0.4, track=1)]
    assert aggregate(short, SETTINGS).verdict == "fake"
    alone = aggregate(short[:1], SETTINGS)
    assert (alone.verdict, alone.probability) == ("abstain", None)
    assert alone.reason == "too_little_speech: only 0.4 s of speech can be compared with the lips"
    assert aggregate([clip(speech=3.0)], SETTINGS).reason.startswith("too_little_speech: ")


def test_a_track_keeps_its_own_reason() -> None:
    other = clip(track=1, speech=0.0, reason="another_speaks: the audio belongs to another face")
    found = aggregate([clip(2.0), other], SETTINGS)
    assert found.verdict == "fake" and found.tracks[1].reason.startswith("another_speaks")
    silent = aggregate([clip(reason="no_audio: none", speech=0.0)], SETTINGS)
    assert silent.reason == "no_audio: none"
    assert aggregate([clip(speech=0.2), other], SETTINGS).reason.startswith("too_little_speech")


def test_calibration_threshold_and_doubt_are_those_of_the_settings() -> None:
    settings = replace(SETTINGS, calibration=Calibration(0.5, -1.0), threshold=0.4, undecided=0.0)
    found = aggregate([clip(3.0)], settings)
    assert found.log_odds == pytest.approx(0.5) and found.verdict == "fake" and found.threshold == 0.4
    assert aggregate([clip(3.0)], replace(settings, threshold=0.9)).verdict == "real"
    close = aggregate([clip(3.0)], replace(settings, threshold=0.6, undecided=0.1))
    assert close.verdict == "abstain" and close.reason.startswith("too_close_to_call: 0.62 is too close")
    assert close.probability == pytest.approx(expit(0.5))


def test_means_of_segments_cover_the_clip() -> None:
    values_T = np.arange(60.0)
    means, starts = segment_means(values_T)
    assert starts == (0, 24, 36) and means == (11.5, 35.5, 47.5)
    assert segment_means(values_T[:10]) == ((4.5,), (0,))
    assert segment_means(values_T[:48])[1] == (0, 24)


def test_settings_come_back_from_json_and_can_be_overridden() -> None:
    settings = SpeechSettings(name="d", scoring=ScoringSettings(hop=8), calibration=Calibration(2.0, 1.0), people=3)
    assert SpeechSettings.from_json(settings.to_json()) == settings
    changed = settings.configured(threshold=0.7, scoring__hop=4, undecided=None)
    assert (changed.threshold, changed.scoring.hop, changed.undecided) == (0.7, 4, 0.05)
    with pytest.raises(NpvfError, match="mood"):
        SpeechSettings.from_json({**settings.to_json(), "mood": "good"})
    with pytest.raises(NpvfError, match="d has no setting 'mask_threshold'"):
        settings.configured(mask_threshold=0.5)
