"""Any detector against the suite: real perturbed files, scores that are kept, results to read."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from npvf.cli.main import main
from npvf.clip import Clip
from npvf.detect.aggregate import ClipScore, DecisionSettings
from npvf.detect.predictor import Predictor
from npvf.detect.speech_detector import SpeechDetector
from npvf.errors import NpvfError, Reason, Refused
from npvf.evaluate.robustness import SCORES, RobustnessRecord, detector_hash, measure_robustness
from npvf.evaluate.robustness_page import auc_cell, write_results
from npvf.faces.landmarks import Landmarker
from npvf.media import read_audio, write_video
from npvf.metrics.bootstrap import Bootstrap
from npvf.perturb.apply import Condition
from tests.helpers.astronaut import scene, with_head
from tests.helpers.urls import in_store

pytestmark = pytest.mark.slow

CONDITIONS = [Condition("blur", 1), Condition("band_limit", 5), Condition("whatsapp")]


class Hissing(SpeechDetector):
    """Calls fake what hisses: the share of its sound above 2 kHz. Never looks at a face."""

    def __init__(self) -> None:
        self.judged: list[Path] = []

    def predict(self, video, phones="auto", landmarker=None):
        assert sorted(path.name for path in Path(video).parent.iterdir()) == [Path(video).name]
        sound = read_audio(video)
        self.judged.append(Path(video))
        power = np.abs(np.fft.rfft(sound)) ** 2
        treble = np.fft.rfftfreq(len(sound), 1 / 16_000) > 2000
        share = float(power[treble].sum() / power.sum())
        return SimpleNamespace(fake_probability=min(1.0, share), reason="")


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Two real tones and two fake ones that hiss; a fake without sound; one that nobody labelled."""
    folder = tmp_path / "in"
    folder.mkdir()
    time = np.arange(12_800) / 16_000
    rng = np.random.default_rng(0)
    for name, label, hiss in (("r1", 0, 0.001), ("r2", 0, 0.002), ("f1", 1, 0.05), ("f2", 1, 0.06), ("x", None, 0)):
        sound = 0.2 * np.sin(2 * np.pi * 300 * time) + rng.normal(0, hiss or 0.001, len(time))
        frames = (np.full((64, 96, 3), 60 + 5 * k, np.uint8) for k in range(20))
        write_video(folder / f"{name}.mp4", frames, audio=sound.astype(np.float32))
        (folder / f"{name}.phones.json").write_text("{}")
        if label is not None:
            (folder / f"{name}.meta.json").write_text(json.dumps({"label": label}))
    write_video(folder / "mute.mp4", (np.full((64, 96, 3), k, np.uint8) for k in range(20)))
    (folder / "mute.meta.json").write_text('{"label": 1}')
    return folder


def test_a_detector_goes_through_real_files(videos: Path, tmp_path: Path) -> None:
    found = measure_robustness(videos, Hissing(), "hissing", tmp_path / "out", CONDITIONS)
    assert found.left_out == ["x.mp4"]
    clean, blurred, muffled, sent = found.results
    assert [r.condition for r in found.results] == ["clean", "blur-1", "band_limit-5", "whatsapp"]
    for result in (clean, blurred, sent):
        assert (result.auc, result.judged_real, result.judged_fake, result.fake) == (1.0, 2, 2, 3)
        assert result.coverage == 0.8 and result.reasons == "1 no_audio"
        assert result.auc_all == pytest.approx((4 + 2) / 6)
    scores = {s.video: s.score for s in found.scores if s.condition == "band_limit-5"}
    assert all(score is None or score < 1e-3 for score in scores.values())  # no hiss is left to hear
    assert muffled.kind == "band_limit" and muffled.description == "nothing above 1000 Hz"


def test_a_stopped_run_goes_on_and_nothing_is_judged_twice(videos: Path, tmp_path: Path) -> None:
    class Stopped(Hissing):
        def predict(self, video, phones="auto", landmarker=None):
            if len(self.judged) == 6:
                raise KeyboardInterrupt
            return super().predict(video, phones, landmarker)

    out, first, second, third = tmp_path / "out", Stopped(), Hissing(), Hissing()
    with pytest.raises(KeyboardInterrupt):
        measure_robustness(videos, first, "one", out, CONDITIONS)
    with (out / SCORES).open("ab") as file:
        file.write(b'{"key": "torn')  # the power went
    whole = measure_robustness(videos, second, "one", out, CONDITIONS)
    assert len(first.judged) == 6 and len(first.judged) + len(second.judged) == 4 * 4  # one of five has no sound
    again = measure_robustness(videos, third, "one", out, CONDITIONS)
    assert again == whole and not third.judged
    lines = [json.loads(line) for line in (out / SCORES).read_text().splitlines()]
    assert len(lines) == len({line["key"] for line in lines}) == 20
    measure_robustness(videos, third, "another detector", out, CONDITIONS[:1])
    assert len(third.judged) == 8
    measure_robustness(videos, third, "one", out, [Condition("blur", 1, seed=1)])
    assert len(third.judged) == 12


def test_videos_at_a_url_are_fetched_for_each_condition(videos: Path, tmp_path: Path) -> None:
    there = measure_robustness(in_store(videos), Hissing(), "one", tmp_path / "a", CONDITIONS[:1])
    assert there == measure_robustness(videos, Hissing(), "one", tmp_path / "b", CONDITIONS[:1])
    again = Hissing()
    assert measure_robustness(in_store(videos), again, "one", tmp_path / "a", CONDITIONS[:1]) == there
    assert not again.judged


def test_perturbed_files_are_kept_only_when_asked_for(videos: Path, tmp_path: Path) -> None:
    measure_robustness(videos, Hissing(), "a", tmp_path / "out", CONDITIONS[:1])
    assert not list((tmp_path / "out").rglob("*.mp4"))

    class Anywhere(Hissing):
        def predict(self, video, phones="auto", landmarker=None):
            return SimpleNamespace(fake_probability=None, reason="no_face: nobody")

    found = measure_robustness(videos, Anywhere(), "b", tmp_path / "out", CONDITIONS[:1], keep=True)
    assert len(list((tmp_path / "out" / "videos" / "blur-1").glob("*.mp4"))) == 5
    assert found.results[0].auc is None and found.results[0].auc_all == 0.5
    assert auc_cell(found.results[0]) == "none (0 real and 0 fake judged)"
    assert found.results[0].reasons == "5 no_face"


def test_results_to_read(videos: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    levels = [Condition("band_limit", level) for level in (1, 5)]
    found = measure_robustness(
        videos, Hissing(), "a", tmp_path / "o", [*levels, Condition("youtube")], bootstrap=Bootstrap(50)
    )
    paths = write_results(found.results, RobustnessRecord("<1>", 0, Bootstrap(50)), tmp_path / "o")
    assert {path.name for path in paths} == {
        "robustness.csv",
        "robustness.md",
        "robustness.html",
        "sound.svg",
        "sound.png",
        "routes.svg",
        "routes.png",
    }
    with (tmp_path / "o" / "robustness.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["condition"] for row in rows] == ["clean", "band_limit-1", "band_limit-5", "youtube"]
    assert float(rows[0]["auc"]) == 1.0 and rows[0]["coverage"] == "0.8" and rows[1]["level"] == "1"
    page = (tmp_path / "o" / "robustness.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 2 and "nothing above 6000 Hz" in page and "&lt;1&gt;" in page
    assert "our approximation" in page
    table = (tmp_path / "o" / "robustness.md").read_text().splitlines()
    assert len(table) == 2 + 4 and table[2].startswith("| clean | as they are | 1.000 [")
    before = [path.read_bytes() for path in paths]
    write_results(found.results, RobustnessRecord("<1>", 0, Bootstrap(50)), tmp_path / "o")
    assert [path.read_bytes() for path in paths] == before


def test_both_labels_are_needed(videos: Path, tmp_path: Path) -> None:
    for name in ("f1", "f2", "mute"):
        (videos / f"{name}.mp4").unlink()
    with pytest.raises(NpvfError, match="2 real and 0 fake videos: add some of the kind"):
        measure_robustness(videos, Hissing(), "a", tmp_path / "out", CONDITIONS)


def test_the_command(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("npvf.cli.robustness.from_pretrained", lambda folder, device: Hissing())
    monkeypatch.setattr("npvf.cli.robustness.detector_hash", lambda folder: "hash")
    argv = ["robustness", str(videos), "--detector", "d", "--out", str(tmp_path / "out"), "--no-plots"]
    assert main([*argv, "--kind", "band_limit", "--kind", "tiktok", "--levels", "1", "5"]) == 0
    printed = capsys.readouterr().out
    assert all(said in printed for said in ("band_limit-5", "tiktok", "1 videos without a label were left out"))
    assert json.loads((tmp_path / "out" / "settings.json").read_text())["detector_sha256"] == "hash"
    assert main([*argv, "--kind", "blur", "--levels", "9"]) == 2
    assert "no level 9" in capsys.readouterr().err


class Bright(Predictor):
    """A predictor that gives nothing but scores of clips."""

    def __init__(self) -> None:
        self.settings = DecisionSettings(name="bright")

    def score_clip(self, clip: Clip) -> ClipScore:
        return ClipScore(clip.meta.key, clip.meta.video, clip.meta.track, (clip.face_THWC.mean() / 255,))


def test_whatever_scores_clips_judges_raw_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = with_head(scene(240, 240), 20, 20)
    sound = 0.1 * rng.normal(size=17_280).astype(np.float32)
    write_video(tmp_path / "face.mp4", [picture] * 27, audio=sound)
    write_video(tmp_path / "wall.mp4", [scene(240, 240)] * 27, audio=sound)
    with Landmarker() as landmarker:
        verdict = Bright().predict(tmp_path / "face.mp4", landmarker=landmarker)
        assert 0.5 < verdict.fake_probability < 0.75 and verdict.verdict == "fake" and verdict.coverage == 1.0
        with pytest.raises(Refused) as refusal:
            Bright().predict(tmp_path / "wall.mp4", landmarker=landmarker)
    assert refusal.value.reason == Reason.NO_FACE


def test_the_hash_is_that_of_weights_and_settings(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").write_bytes(b"weights" if name != "c" else b"others")
    (tmp_path / "b" / "README.md").write_text("not a part of it")
    hashes = [detector_hash(tmp_path / name) for name in ("a", "b", "c")]
    assert hashes[0] == hashes[1] != hashes[2]
    assert detector_hash("silence").startswith("silence of npvf")
