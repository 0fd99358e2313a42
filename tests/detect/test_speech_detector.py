import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from npvf.clip import Clip, Phone, Phones
from npvf.detect.calibration import Calibration
from npvf.detect.scoring import ScoringSettings
from npvf.detect.speech_detector import SpeechDetector, SpeechSettings
from npvf.errors import NpvfError, Reason, Refused
from npvf.models import create_model
from tests.helpers.tiny_corpus import blob_clip

SETTINGS = SpeechSettings(
    name="small",
    scoring=ScoringSettings(hop=8),
    calibration=Calibration(2.0, -0.25),
    threshold=0.4,
    undecided=0.0,
    min_speech=0.3,
)


@pytest.fixture
def detector(tiny_overrides: dict) -> SpeechDetector:
    torch.manual_seed(0)
    return SpeechDetector(create_model("npv_nano", **tiny_overrides), SETTINGS)


def silent(clip: Clip) -> Clip:
    return replace(clip, phones=Phones((Phone("sil", 0.0, clip.seconds),), "recogniser"))


@pytest.mark.slow
def test_saved_and_loaded_it_gives_the_same_scores(detector: SpeechDetector, tmp_path: Path) -> None:
    detector.save_pretrained(tmp_path / "d", training={"seed": 3})
    loaded = SpeechDetector.from_pretrained(tmp_path / "d")
    clips = [blob_clip("a", 1), blob_clip("b", 2, frames=30)]
    assert loaded.settings == SETTINGS
    assert not loaded.model.training
    assert list(loaded.score_clips(clips)) == list(detector.score_clips(clips))
    assert loaded.judge_clips(clips, "v", 3.2).verdict == detector.judge_clips(clips, "v", 3.2).verdict
    assert json.loads((tmp_path / "d" / "config.json").read_text())["training"] == {"seed": 3}


def test_an_encoder_is_no_detector(detector: SpeechDetector, tmp_path: Path) -> None:
    detector.model.save_pretrained(tmp_path)
    with pytest.raises(NpvfError, match="holds an encoder"):
        SpeechDetector.from_pretrained(tmp_path)


def test_a_setting_of_another_version_is_refused(detector: SpeechDetector, tmp_path: Path) -> None:
    path = detector.save_pretrained(tmp_path) / "config.json"
    content = json.loads(path.read_text())
    content["detector"]["mood"] = "good"
    path.write_text(json.dumps(content))
    with pytest.raises(NpvfError, match="mood"):
        SpeechDetector.from_pretrained(tmp_path)


def test_scores_of_clips_carry_their_names_and_a_reason_where_there_is_none(detector: SpeechDetector) -> None:
    spoken, quiet = detector.score_clips([blob_clip("a", 1), silent(blob_clip("b", 2))])
    assert (spoken.key, spoken.video, spoken.track, spoken.reason) == ("a-t0-000", "a", 0, "")
    assert spoken.starts == (0, 8, 16, 24, 26) and len(spoken.logits) == 5 and spoken.speech > 1.0
    assert (quiet.logits, quiet.speech, quiet.reason) == ((), 0.0, "")
    assert detector.aggregate([quiet]).reason.startswith("too_little_speech: ")


def test_the_score_of_a_clip_is_the_probability_of_its_video(detector: SpeechDetector) -> None:
    score = detector.aggregate([*detector.score_clips([blob_clip("a", 1)])])
    judgement = detector.judge_clips([blob_clip("a", 1)], "a.mp4", 2.0)
    assert judgement.verdict.fake_probability == score.probability
    assert (judgement.seconds, judgement.sha256, judgement.broken) == (2.0, "0" * 64, False)


def test_a_silent_video_and_a_face_that_does_not_speak_are_not_judged(detector: SpeechDetector) -> None:
    other = blob_clip("a", 2)
    other.meta = replace(other.meta, track=1, is_speaker=False)
    verdict = detector.judge_clips([silent(blob_clip("a", 1)), other], "a.mp4", 2.0).verdict
    assert verdict.verdict == "abstain" and verdict.reason.startswith("too_little_speech: ")
    assert (verdict.phone_source, verdict.coverage, verdict.audio_offset_s) == ("recogniser", 0.0, None)
    assert [(t.id, t.fake_probability, t.segments) for t in verdict.tracks] == [(0, None, []), (1, None, [])]


def test_settings_are_overridden_at_loading(detector: SpeechDetector, tmp_path: Path) -> None:
    folder = detector.save_pretrained(tmp_path / "d")
    loaded = SpeechDetector.from_pretrained(folder, threshold=0.7, scoring__hop=4, min_speech=None)
    assert (loaded.settings.threshold, loaded.settings.scoring.hop, loaded.settings.min_speech) == (0.7, 4, 0.3)
    with pytest.raises(NpvfError, match="small has no setting 'mood'"):
        SpeechDetector.from_pretrained(folder, mood="good")


def test_a_verdict_without_a_report_draws_no_picture(detector: SpeechDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(*_: object) -> bytes:
        raise AssertionError("a picture was drawn")

    plain = detector.judge_clips([blob_clip("a", 1)], "a.mp4", 2.0).verdict
    monkeypatch.setattr("npvf.detect.evidence.jpeg", draw)
    assert detector.judge_clips([blob_clip("a", 1)], "a.mp4", 2.0, pictures=False).verdict == plain


def test_a_file_that_is_not_there_is_refused(detector: SpeechDetector, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        detector.judge(tmp_path / "gone.mp4", landmarker=SimpleNamespace())
    assert refused.value.reason == Reason.NOT_FOUND
