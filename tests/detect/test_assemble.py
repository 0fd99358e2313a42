"""A detector of methods that were trained apart."""

from pathlib import Path

import pytest
import torch

from npvf import create_model
from npvf.cli.main import main
from npvf.detect.assemble import Assembly
from npvf.detect.detector import Detector, DetectorSettings
from npvf.detect.likelihood import LikelihoodRatio
from npvf.detect.localizer import Localizer
from npvf.detect.mouth_motion import MouthMotionDetector, MouthMotionSettings
from npvf.detect.speech_detector import SpeechDetector
from npvf.errors import NpvfError
from npvf.models.motion.mouth_motion import MouthMotion, mouth_motion
from tests.helpers.findings import moving_clip
from tests.helpers.red_localizer import tiny_stddl

RATIO = LikelihoodRatio(lower=-1.0, upper=1.0)


@pytest.fixture
def speech(tmp_path: Path, tiny_overrides: dict) -> Path:
    torch.manual_seed(0)
    return SpeechDetector(create_model("npv_nano", **tiny_overrides)).save_pretrained(tmp_path / "speech")


@pytest.fixture
def motion(tmp_path: Path, speech: Path) -> Path:
    settings = MouthMotionSettings(encoder="../speech")
    return MouthMotionDetector(MouthMotion(mouth_motion()), settings).save_pretrained(tmp_path / "motion")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    return Localizer(tiny_stddl()).save_pretrained(tmp_path / "picture")


@pytest.mark.slow
def test_a_localizer_joins_a_detector(speech: Path, motion: Path, picture: Path, tmp_path: Path) -> None:
    two = Assembly(None, {"sound_and_lips": speech, "mouth_motion": motion})
    two.copy(tmp_path / "two")
    made = two.load()
    assert made.parts["mouth_motion"].encoder is made.parts["sound_and_lips"].encoder
    made.likelihood["mouth_motion"] = RATIO
    made.settings = DetectorSettings(name="two", threshold=0.8)
    made.save_settings(tmp_path / "two")

    three = Assembly(tmp_path / "two", {"picture": picture})
    three.copy(tmp_path / "three")
    three.load().save_settings(tmp_path / "three")
    loaded = Detector.from_pretrained(tmp_path / "three")
    assert [*loaded.parts] == ["sound_and_lips", "mouth_motion", "picture"]
    assert (loaded.settings.name, loaded.settings.threshold) == ("two+picture", 0.8)
    assert loaded.likelihood["mouth_motion"] == RATIO and loaded.likelihood["picture"] == LikelihoodRatio()
    # One encoder, which the folder of sound and lips holds.
    assert loaded.parts["mouth_motion"].encoder is loaded.parts["sound_and_lips"].encoder
    found = loaded.judge_clips([moving_clip()], "a.mp4", 2.0).verdict.findings
    assert [one.name for one in found] == ["sound_and_lips", "mouth_motion", "picture"]


def test_what_does_not_fit_is_refused(speech: Path, motion: Path, picture: Path, tmp_path: Path) -> None:
    Assembly(None, {"picture": picture}).copy(tmp_path / "one")
    Assembly(None, {"picture": picture}).load().save_settings(tmp_path / "one")
    with pytest.raises(NpvfError, match="has a method for picture already"):
        Assembly(tmp_path / "one", {"picture": picture})
    with pytest.raises(NpvfError, match="holds a SpeechDetector, not a Localizer"):
        Assembly(None, {"picture": speech})
    with pytest.raises(NpvfError, match=f"add sound_and_lips={speech}"):
        Assembly(None, {"mouth_motion": motion})
    with pytest.raises(NpvfError, match="name a detector, or the methods"):
        Assembly(None, {})


def test_the_command_says_what_to_write(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["calibrate", str(tmp_path), "--add", f"gait={picture}", "--out", str(tmp_path / "o")])
    assert "write sound_and_lips=DIR, mouth_motion=DIR, picture=DIR" in capsys.readouterr().err
    assert main(["calibrate", str(tmp_path), "--out", str(tmp_path / "o")]) == 2
    assert "name a detector, or the methods to make one of" in capsys.readouterr().err
