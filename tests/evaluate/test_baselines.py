"""The baselines score what they are about, and `from_pretrained` finds each by name or folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from npvf.clip import FAKE, REAL, Clip
from npvf.detect.calibration import Calibration
from npvf.detect.loading import from_pretrained
from npvf.detect.speech_detector import SpeechDetector
from npvf.errors import NpvfError
from npvf.evaluate.baselines.frames import SETTINGS, FramePredictor
from npvf.evaluate.baselines.mouth_energy import MouthEnergyPredictor
from npvf.evaluate.baselines.silence import SilencePredictor
from npvf.models import FrameClassifier, create_model
from tests.helpers.tiny_corpus import blob_clip

LIPS = {82: -1, 13: -1, 312: -1, 87: 1, 14: 1, 317: 1}


def late(video: str, silence: float, **meta: object) -> Clip:
    clip = blob_clip(video, 0, **meta)
    clip.audio_N[: round(silence * 16_000)] = 0
    return clip


def speaking(video: str, seed: int, sound_seed: int | None = None) -> Clip:
    """Lips that part with the loudness of the blob, on a face of fixed size."""
    clip = blob_clip(video, seed, 100, sound_seed)
    own = blob_clip(video, seed, 100).audio_N.reshape(100, -1).std(1)
    points_TN2 = np.random.default_rng(0).uniform(60, 160, (1, 478, 2)).repeat(100, 0)
    for index, side in LIPS.items():
        points_TN2[:, index] = np.stack([np.full(100, 110.0), 150 + side * 60 * own], axis=-1)
    return replace(clip, landmarks_TN2=points_TN2.astype(np.float32))


def scores(scorer, *clips: Clip) -> list[float | None]:
    """Probabilities, each clip a video of its own."""
    return [scorer.aggregate([score]).probability for score in scorer.score_clips(clips)]


def test_longer_silence_is_more_of_a_fake_and_later_clips_say_nothing() -> None:
    second = late("b", 0.5)
    second.meta.key = "b-t0-001"
    silent = late("c", 0.0, no_sound="no_audio")
    silence = SilencePredictor()
    a, b, none = scores(silence, late("a", 0.05), late("b", 0.3), silent)
    assert a == pytest.approx(1 - np.exp(-0.5), rel=0.05) and b is not None and a < b < 1 and none is None
    video = silence.aggregate([*silence.score_clips([late("b", 0.3), second])])
    assert video.probability == b


def test_a_mouth_that_goes_with_its_sound_is_more_real() -> None:
    own, foreign = scores(MouthEnergyPredictor(), speaking("a", 1), speaking("b", 1, sound_seed=7))
    assert own is not None and foreign is not None and 0 <= own < 0.3 < foreign <= 1


@pytest.fixture
def frames() -> FramePredictor:
    torch.manual_seed(0)
    model = FrameClassifier.create("frames_nano", inputs__face_size=32)
    return FramePredictor(model, SETTINGS.configured(calibration=Calibration(2.0, -0.5), threshold=0.4))


def test_a_frame_classifier_is_the_mean_over_the_frames_of_a_segment(frames: FramePredictor) -> None:
    clip = blob_clip("a", 0, frames=24)
    (whole,) = scores(frames, clip)
    logits = [
        frames.model(frames.pictures(replace(clip, face_THWC=clip.face_THWC[t : t + 1]))) for t in range(0, 24, 4)
    ]
    expected = frames.settings.calibration.probability(torch.cat(logits).mean().item())
    assert whole == pytest.approx(expected, abs=1e-5)
    (long,) = frames.score_clips([blob_clip("a", 0, frames=60)])
    assert long.starts == (0, 24, 36) and len(long.logits) == 3


def test_each_comes_back_by_name_or_folder(frames: FramePredictor, tiny_overrides: dict, tmp_path: Path) -> None:
    clip = blob_clip("a", 0)
    loaded = from_pretrained(frames.save_pretrained(tmp_path / "frames", {"seed": 0}))
    assert isinstance(loaded, FramePredictor) and loaded.settings == frames.settings
    assert scores(loaded, clip) == pytest.approx(scores(frames, clip))
    assert isinstance(from_pretrained("silence"), SilencePredictor)
    assert isinstance(from_pretrained("mouth_energy"), MouthEnergyPredictor)
    detector = SpeechDetector(create_model("npv_nano", **tiny_overrides))
    assert isinstance(from_pretrained(detector.save_pretrained(tmp_path / "npv")), SpeechDetector)


def test_what_judges_nothing_is_refused(frames: FramePredictor, tmp_path: Path) -> None:
    with pytest.raises(NpvfError, match=r"no model.*names that need no folder are .*silence, mouth_energy"):
        from_pretrained("silnce")
    with pytest.raises(NpvfError, match=r"holds an encoder \(frames\), which cannot judge videos"):
        from_pretrained(frames.model.save_pretrained(tmp_path / "untrained"))


@pytest.mark.slow
def test_labels_are_not_looked_at() -> None:
    for scorer in (SilencePredictor(), MouthEnergyPredictor()):
        real, fake = (speaking("a", 1) for _ in range(2))
        real.meta.label, fake.meta.label = REAL, FAKE
        assert scores(scorer, real) == scores(type(scorer)(), fake)
