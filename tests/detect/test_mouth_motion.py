from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from npvf.detect.loading import from_pretrained
from npvf.detect.mouth_motion import MouthMotionDetector, MouthMotionSettings
from npvf.errors import NpvfError
from npvf.models import NPV, MouthMotion, create_model
from tests.helpers.mouths import mouth_clip
from tests.helpers.tiny_corpus import blob_clip


@pytest.fixture
def detector() -> MouthMotionDetector:
    model = create_model("mouth_motion")
    assert isinstance(model, MouthMotion)
    model.weights_S[0] = -1.0
    return MouthMotionDetector(model)


def test_each_window_of_a_moving_mouth_has_a_logit(detector: MouthMotionDetector) -> None:
    score = detector.score_clip(mouth_clip("a", 1, drawn=False, frames=100))
    assert score.starts == (0, 24, 48, 52)
    assert len(score.logits) == 4


def test_a_face_that_does_not_move_is_not_judged(detector: MouthMotionDetector) -> None:
    score = detector.score_clip(blob_clip("a", 1, frames=72))
    assert score.reason.startswith("face_does_not_move")
    assert not score.logits


def test_a_short_clip_is_not_judged(detector: MouthMotionDetector) -> None:
    score = detector.score_clip(mouth_clip("a", 1, drawn=False, frames=71))
    assert score.reason == "too_short: 2.9 s of one face are needed, and there are 2.8 s"


def test_a_clip_without_audio_is_judged_by_its_motion(detector: MouthMotionDetector, tiny_overrides: dict) -> None:
    encoder = NPV.create("npv_nano", **tiny_overrides)
    heard = MouthMotionDetector(detector.model, detector.settings, encoder)
    clip = mouth_clip("a", 1, drawn=False)
    assert np.isfinite(heard.agreement(clip)).all()
    clip.meta = replace(clip.meta, no_sound="no_audio")
    assert np.isnan(heard.agreement(clip)).all()
    assert heard.score_clip(clip).logits == detector.score_clip(clip).logits


def test_the_folder_finds_its_encoder_beside_it(
    detector: MouthMotionDetector, tiny_overrides: dict, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    encoder = NPV.create("npv_nano", **tiny_overrides)
    encoder.save_pretrained(tmp_path / "encoder")
    settings = MouthMotionSettings(encoder="../encoder")
    detector.model.weights_S[-5:] = 1.0
    saved = MouthMotionDetector(detector.model, settings, encoder)
    again = from_pretrained(saved.save_pretrained(tmp_path / "motion"))
    clip = mouth_clip("a", 1, drawn=True)
    np.testing.assert_allclose(again.score_clip(clip).logits, saved.score_clip(clip).logits, rtol=1e-5)
    with pytest.raises(NpvfError, match=r"settings\.encoder"):
        MouthMotionDetector(detector.model, None, encoder).save_pretrained(tmp_path / "other")


def test_another_folder_is_refused(tmp_path: Path, tiny_overrides: dict) -> None:
    NPV.create("npv_nano", **tiny_overrides).save_pretrained(tmp_path / "encoder")
    with pytest.raises(NpvfError, match="npvf motion"):
        MouthMotionDetector.from_pretrained(tmp_path / "encoder")
