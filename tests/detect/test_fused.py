import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit, logit

from npvf.clip import Phone, Phones
from npvf.detect.fused import FusedDetector, save_fused
from npvf.detect.loading import from_pretrained
from npvf.detect.localizer import Localizer
from npvf.detect.paste import source_masks
from npvf.detect.speech_detector import SpeechDetector, SpeechSettings
from npvf.errors import NpvfError
from npvf.models import create_model
from tests.helpers.red_localizer import FUSION, MOUTH, red_at, red_localizer, tiny_stddl, with_meta as of
from tests.helpers.tiny_corpus import blob_clip


@pytest.fixture
def speech(tiny_overrides: dict) -> SpeechDetector:
    torch.manual_seed(0)
    return SpeechDetector(create_model("npv_nano", **tiny_overrides), SpeechSettings(name="npv", undecided=0.0))


@pytest.fixture
def joint(speech: SpeechDetector) -> FusedDetector:
    return FusedDetector(speech, red_localizer(), FUSION)


def test_both_answer_and_their_shares_are_shown(joint: FusedDetector, speech: SpeechDetector) -> None:
    clip = red_at(blob_clip("a", 1), MOUTH)
    verdict = joint.judge_clips([clip], "a.mp4", 2.0).verdict
    heard, seen = verdict.parts
    alone = speech.judge_clips([clip], "a.mp4", 2.0).verdict
    assert heard.fake_probability == pytest.approx(alone.fake_probability)
    assert logit(verdict.fake_probability) == pytest.approx(0.5 * heard.logit + 2.0 * seen.logit + 0.25)
    assert heard.share + seen.share == pytest.approx(1.0) and heard.reason == seen.reason == ""
    assert verdict.tracks[0].segments == alone.tracks[0].segments
    assert (verdict.audio_offset_s, verdict.phone_source) == (alone.audio_offset_s, alone.phone_source)
    assert verdict.detector == "npv + red" and "of the face is marked as forged; what is normal" in verdict.reason
    assert verdict.tracks[0].forged_area == pytest.approx(100 * 40 * 56 / (np.pi * 80**2), rel=0.1)
    assert json.loads(json.dumps(verdict.to_json()))["parts"][1]["part"] == "picture"


def test_a_marked_area_that_real_faces_also_have_is_not_evidence() -> None:
    clip = red_at(blob_clip("a", 1), MOUTH)  # some 11 % of the face
    reasons = []
    for area in (0.05, 0.3):
        judge = red_localizer(genuine_area=area, genuine_faces=20)
        reasons.append(judge.judge_clips([clip], "a.mp4", 2.0).verdict.reason)
    usual = "for a real face (at most {} % on 9 of 10 real faces, measured on 20 faces)"
    assert reasons[0].endswith(f"11 % of the face is marked as forged, more than is normal {usual.format(5)}")
    assert reasons[1].endswith(f"11 % of the face is marked as forged, which is normal {usual.format(30)}")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda clip: of(clip, no_sound="no_audio", is_speaker=False), "no_audio"),
        (lambda clip: of(clip, no_sound="silent_audio", is_speaker=False), "silent_audio"),
        (lambda clip: replace(clip, phones=Phones((Phone("sil", 0.0, 2.0),), "recogniser")), "too_little_speech"),
    ],
)
def test_without_speech_the_picture_answers_alone_and_the_verdict_says_so(joint: FusedDetector, change, code) -> None:
    verdict = joint.judge_clips([change(red_at(blob_clip("a", 1), MOUTH))], "a.mp4", 2.0).verdict
    heard, seen = verdict.parts
    assert verdict.verdict == "fake" if seen.logit > 0 else "real"
    assert verdict.fake_probability == pytest.approx(expit(seen.logit)) and seen.share == 1.0
    assert heard.fake_probability is None and heard.share == 0.0 and heard.reason.startswith(code)
    assert verdict.reason.startswith(f"judged by the frames alone ({code}: ")
    assert verdict.coverage == 1.0 and verdict.tracks[0].segments == []


@pytest.mark.slow
def test_every_face_is_looked_at_and_the_most_suspicious_one_decides(joint: FusedDetector) -> None:
    speaker = red_at(blob_clip("a", 1), (slice(0, 0), slice(0, 0)))
    other = of(red_at(blob_clip("a", 2), (slice(40, 180), slice(40, 180))), track=1, is_speaker=False)
    verdict = joint.judge_clips([speaker, other], "a.mp4", 2.0).verdict
    calm, forged = verdict.tracks
    assert forged.fake_probability == verdict.fake_probability > calm.fake_probability
    assert (calm.forged_area, forged.segments) == (0.0, []) and forged.forged_area > 50
    assert verdict.parts[0].reason.startswith("another_speaks")
    assert set(joint.opinions([*joint.score_clips([speaker, other])])) == {0, 1}


def test_a_forged_mouth_lands_on_its_pixels_of_the_source(joint: FusedDetector) -> None:
    turn = np.float32([[1.6, 0.4, -50], [-0.4, 1.6, 20]])
    clip = of(red_at(blob_clip("a", 1), MOUTH), source_size=(200, 150), source_fps=25.0)
    clip = replace(clip, transform_T23=np.tile(turn, (clip.frames, 1, 1)))
    judgement = joint.judge_clips([clip], "a.mp4", 2.0)
    masks = list(source_masks(judgement.masks, 50, judgement.size))
    assert len(masks) == 50 and masks[0].shape == (150, 200)
    middle = np.linalg.solve(turn[:, :2].astype(float), np.array([111.5, 159.5]) - turn[:, 2])
    rows, columns = np.nonzero(masks[7] >= 128)
    assert (columns.mean(), rows.mean()) == pytest.approx(middle, abs=1.0)
    assert len(rows) == pytest.approx(40 * 56 / np.linalg.det(turn[:, :2]), rel=0.1)


@pytest.mark.slow
def test_a_folder_of_either_kind_or_both_is_opened_by_one_call(joint: FusedDetector, tmp_path: Path) -> None:
    joint.speech.save_pretrained(tmp_path / "npv")
    Localizer(tiny_stddl()).save_pretrained(tmp_path / "stddl")
    save_fused(FUSION, tmp_path / "npv", tmp_path / "stddl", tmp_path / "both", {"split": "val"})
    assert isinstance(from_pretrained(tmp_path / "npv"), SpeechDetector)
    picture, both = from_pretrained(tmp_path / "stddl"), from_pretrained(tmp_path / "both")
    assert isinstance(picture, Localizer)
    assert isinstance(both, FusedDetector) and both.fusion == FUSION
    clip = blob_clip("a", 1)
    alone = picture.judge_clips([clip], "a", 2.0).verdict
    assert alone.parts is None and alone.phone_source is None
    score = both.aggregate([*both.score_clips([clip])])
    assert score.probability == pytest.approx(both.judge_clips([clip], "a", 2.0).verdict.fake_probability)
    again = from_pretrained(both.save_pretrained(tmp_path / "again"), threshold=0.9)
    assert again.settings.threshold == 0.9 and again.aggregate([*again.score_clips([clip])]).log_odds == score.log_odds
    with pytest.raises(NpvfError, match="not empty"):
        save_fused(FUSION, tmp_path / "npv", tmp_path / "stddl", tmp_path / "both", {})


def test_an_encoder_judges_nothing(speech: SpeechDetector, tmp_path: Path) -> None:
    speech.model.save_pretrained(tmp_path)
    with pytest.raises(NpvfError, match="holds an encoder"):
        from_pretrained(tmp_path)
