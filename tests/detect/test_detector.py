import json
from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch

from npvf.clip import Clip
from npvf.detect import conditions
from npvf.detect.detector import Detector, DetectorSettings
from npvf.detect.likelihood import LikelihoodRatio
from npvf.detect.loading import from_pretrained
from npvf.detect.localizer import Localizer
from npvf.detect.predictor import Predictor
from npvf.detect.speech_detector import SpeechDetector, SpeechSettings
from npvf.errors import NpvfError
from npvf.models import create_model
from tests.helpers.findings import SUPPORTED, Told, moving_clip, told
from tests.helpers.red_localizer import tiny_stddl


def still(clip: Clip) -> Clip:
    return replace(clip, landmarks_TN2=np.repeat(clip.landmarks_TN2[:1], clip.frames, 0))


def test_each_method_gives_a_finding_and_a_rule_makes_the_verdict() -> None:
    verdict = told(sound=-3.0, motion=3.0).judge_clips([moving_clip()], "a.mp4", 2.0).verdict
    assert verdict.verdict == "fake" and verdict.fake_probability == pytest.approx(1 / (1 + np.exp(-3)))
    heard, moved = verdict.findings
    assert (heard.name, heard.statement, heard.words, heard.track) == ("sound_and_lips", "agree", "moderate", 0)
    assert (moved.name, moved.statement, moved.log10_lr) == ("mouth_motion", "generator", pytest.approx(3 / log(10)))
    assert verdict.reason.startswith("moderate evidence that a generator made the mouth's motion")
    assert json.loads(json.dumps(verdict.to_json()))["findings"][1]["bounds"] == [-2.0, 2.0]
    assert verdict.measurements["face_motion"] > 0.01


def test_the_most_suspicious_face_decides_and_every_face_is_asked() -> None:
    detector = told(motion=-2.0, sound=-2.0)
    other = moving_clip("a", 2, track=1, is_speaker=False)
    detector.parts["mouth_motion"].logits = {}
    detector.parts["mouth_motion"].score_clip = lambda clip: replace(  # type: ignore[method-assign]
        Told(5.0 if clip.meta.track else -2.0).score_clip(clip), track=clip.meta.track
    )
    verdict = detector.judge_clips([moving_clip(), other], "a.mp4", 2.0).verdict
    assert verdict.verdict == "fake" and verdict.findings[1].track == 1 and verdict.findings[0].track == 0
    assert [track.fake_probability > 0.5 for track in verdict.tracks] == [False, True]


def test_the_ratio_stays_within_its_bounds_and_the_probability_ranks_beyond_them() -> None:
    first, second = (told(motion=x).judge_clips([moving_clip()], "a.mp4", 2.0).verdict for x in (6.0, 9.0))
    assert first.findings[0].log10_lr == second.findings[0].log10_lr == 2.0
    assert first.fake_probability < second.fake_probability


def test_a_face_that_does_not_move_is_never_fake() -> None:
    detector = told(sound=9.0, motion=9.0)
    verdict = detector.judge_clips([still(moving_clip())], "a.mp4", 2.0).verdict
    assert verdict.verdict == "abstain" and verdict.reason.startswith("face_does_not_move: ")
    assert verdict.fake_probability is None and detector.parts["mouth_motion"].asked == []
    assert {found.statement for found in verdict.findings} == {"not_judged"}
    assert verdict.findings[0].measurements["face_motion"] < 0.001


def test_the_verdict_says_what_was_done_to_the_file_first() -> None:
    changed = ["interlaced: each frame was made of two fields"]
    clip = moving_clip(media={"changed": changed})
    assert told(motion=3.0).judge_clips([clip], "a.mp4", 2.0).verdict.changed == changed


def test_what_any_method_judged_is_covered() -> None:
    assert told(motion=3.0).judge_clips([moving_clip()], "a.mp4", 2.0).verdict.coverage == 24 / 50


@pytest.mark.parametrize("judge", [told(sound=-3.0, motion=3.0), Told(3.0)])
def test_a_report_needs_no_second_measurement_of_a_clip(monkeypatch: pytest.MonkeyPatch, judge: Predictor) -> None:
    measured: list[int] = []
    mouth_colours = conditions.mouth_colours

    def count(face_THWC: np.ndarray, landmarks_TN2: np.ndarray) -> tuple[float, float]:
        measured.append(len(face_THWC))
        return mouth_colours(face_THWC, landmarks_TN2)

    monkeypatch.setattr(conditions, "mouth_colours", count)
    (look,) = judge.judge_clips([moving_clip()], "a.mp4", 2.0).looks
    assert measured == [50] and look.conditions.measurements["seconds"] == 2.0


def test_a_video_without_sound_is_judged_by_the_rest() -> None:
    silent = moving_clip(no_sound="no_audio", is_speaker=False)
    assert told(sound=0.0, motion=5.0).judge_clips([silent], "a.mp4", 2.0).verdict.verdict == "fake"
    verdict = told(sound=0.0, motion=-5.0).judge_clips([silent], "a.mp4", 2.0).verdict
    assert verdict.verdict == "abstain" and verdict.reason.startswith("no_audio: ")
    assert verdict.fake_probability < 0.1


def test_without_calibration_a_finding_supports_nothing() -> None:
    detector = Detector({"mouth_motion": Told(5.0)})
    (found,) = detector.judge_clips([moving_clip()], "a.mp4", 2.0).verdict.findings
    assert (found.log10_lr, found.words, found.bounds) == (0.0, "no", (0.0, 0.0))


def test_it_needs_a_method_that_finds_forgeries_and_knows_its_names() -> None:
    with pytest.raises(NpvfError, match="needs mouth_motion or picture"):
        Detector({"sound_and_lips": Told()})
    with pytest.raises(NpvfError, match="not gait"):
        Detector({"mouth_motion": Told(), "gait": Told()})  # type: ignore[dict-item]


@pytest.fixture
def real(tiny_overrides: dict) -> Detector:
    torch.manual_seed(0)
    speech = SpeechDetector(create_model("npv_nano", **tiny_overrides), SpeechSettings(name="npv", undecided=0.0))
    settings = DetectorSettings(name="both", threshold=0.8)
    return Detector({"picture": Localizer(tiny_stddl()), "sound_and_lips": speech}, {"picture": SUPPORTED}, settings)


@pytest.mark.slow
def test_saved_and_loaded_it_says_the_same(real: Detector, tmp_path: Path) -> None:
    folder = real.save_pretrained(tmp_path / "d", training={"seed": 3})
    loaded = from_pretrained(folder)
    assert isinstance(loaded, Detector) and loaded.settings == real.settings
    assert loaded.likelihood == {"sound_and_lips": LikelihoodRatio(), "picture": SUPPORTED}
    clips = [moving_clip()]
    assert list(loaded.score_clips(clips)) == list(real.score_clips(clips))
    assert loaded.judge_clips(clips, "a.mp4", 2.0).verdict == real.judge_clips(clips, "a.mp4", 2.0).verdict
    assert json.loads((folder / "config.json").read_text())["training"] == {"seed": 3}


def test_settings_are_overridden_at_loading_also_those_of_a_part(real: Detector, tmp_path: Path) -> None:
    folder = real.save_pretrained(tmp_path / "d")
    loaded = Detector.from_pretrained(folder, threshold=0.7, scoring__hop=4, picture__mask_threshold=0.4)
    assert loaded.settings.threshold == 0.7
    assert loaded.parts["sound_and_lips"].settings.scoring.hop == 4  # type: ignore[attr-defined]
    assert loaded.parts["picture"].settings.mask_threshold == 0.4  # type: ignore[attr-defined]
    with pytest.raises(NpvfError, match="both has no setting 'mood'"):
        Detector.from_pretrained(folder, mood="good")


def test_another_kind_of_folder_is_refused_and_the_class_that_opens_it_is_named(real: Detector, tmp_path: Path) -> None:
    real.parts["picture"].save_pretrained(tmp_path / "localizer")
    with pytest.raises(NpvfError, match=r"holds a Localizer, not a Detector: Localizer\.from_pretrained opens it"):
        Detector.from_pretrained(tmp_path / "localizer")
    folder = real.save_pretrained(tmp_path / "d")
    for kind in (Localizer, SpeechDetector):
        with pytest.raises(NpvfError, match=f"holds a Detector, not a {kind.__name__}"):
            kind.from_pretrained(folder)


@pytest.mark.slow
def test_evidence_of_all_methods_is_kept(real: Detector) -> None:
    clip = moving_clip()
    judgement = real.judge_clips([clip], "a.mp4", 2.0)
    (item,) = judgement.evidence
    alone = real.parts["sound_and_lips"].judge_clips([clip], "a.mp4", 2.0)
    assert item.picture is not None and len(judgement.masks) == 1 and item.faces
    assert judgement.verdict.tracks[0].segments == alone.verdict.tracks[0].segments
    assert judgement.verdict.audio_offset_s == alone.verdict.audio_offset_s
    assert real.segments(item.score) == real.parts["picture"].segments(item.score.parts["picture"])


def test_small_faces_and_short_clips_are_warned_of() -> None:
    small = moving_clip()
    small.source_landmarks_TN2 = small.source_landmarks_TN2 / 16
    verdict = told(motion=0.0).judge_clips([small], "a.mp4", 2.0).verdict
    assert {warning.partition(":")[0] for warning in verdict.warnings} == {"small_face", "short_clip"}
