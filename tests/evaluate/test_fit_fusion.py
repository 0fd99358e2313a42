import io
import json
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from npvf.cli.main import main
from npvf.clip import Clip, Phone, Phones
from npvf.data.selection import Selection
from npvf.detect.fused import FusedDetector, save_fused
from npvf.detect.fusion import Fusion
from npvf.detect.loading import from_pretrained
from npvf.detect.localizer import Localizer
from npvf.detect.speech_detector import SpeechDetector, SpeechSettings
from npvf.errors import NpvfError
from npvf.evaluate.fit_fusion import clips_by_video, collect_opinions, fit_fusion
from npvf.io.corpus import Corpus
from npvf.models import create_model
from tests.helpers.red_localizer import red_at, red_localizer, tiny_stddl
from tests.helpers.tiny_corpus import blob_clip, write_corpus
from tests.helpers.urls import in_store

pytestmark = pytest.mark.slow

MOUTH = (slice(140, 180), slice(84, 140))
EVERYONE = Selection(speakers_only=False, label="known")


@pytest.fixture
def speech(tiny_overrides: dict) -> SpeechDetector:
    torch.manual_seed(0)
    return SpeechDetector(create_model("npv_nano", **tiny_overrides), SpeechSettings(name="npv", undecided=0.0))


def clip(video: str, seed: int, label: int, person: str, **meta: object) -> Clip:
    said = {"source_sha256": video, "label": label, "identity": person, "identities": (person,), "split": "val", **meta}
    found = red_at(blob_clip(video, seed), MOUTH if label else (slice(0, 0), slice(0, 0)))
    return replace(found, meta=replace(found.meta, key=f"{video}-t{meta.get('track', 0)}-000", **said))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    clips = [clip(f"v{i}", i, i % 2, f"p{i // 2}") for i in range(8)]
    quiet = replace(clip("q", 20, 1, "p1"), phones=Phones((Phone("sil", 0.0, 2.0),), "recogniser"))
    mute = clip("m", 21, 0, "p2", no_sound="no_audio", is_speaker=False)
    other = clip("v0", 22, 1, "p0", track=1, is_speaker=False)
    train = clip("t", 23, 0, "p9", split="train")
    return write_corpus(tmp_path / "corpus", [clips[0], other, *clips[1:], quiet, mute, train])


def test_clips_come_video_by_video(corpus: Path) -> None:
    found = [[clip.meta.key for clip in clips] for clips in clips_by_video(Corpus(corpus), EVERYONE)]
    assert found[0] == ["v0-t0-000", "v0-t1-000"] and len(found) == 11


def test_the_speaking_face_of_each_video_is_asked_and_the_rest_is_counted(corpus: Path, speech: SpeechDetector) -> None:
    joint = FusedDetector(speech, red_localizer())
    found = collect_opinions(Corpus(corpus), joint, replace(EVERYONE, split="val"))
    assert found.labels == [0, 1] * 4 and found.people == ["p0", "p0", "p1", "p1", "p2", "p2", "p3", "p3"]
    assert found.left_out == {"too_little_speech": 1, "no_audio": 1}
    fusion, figures = fit_fusion(found)
    assert fusion.picture > 0 and figures["auc_picture"] == 1.0 and figures["auc_fused_held_out"] == 1.0
    assert (figures["real"], figures["fake"], figures["people"]) == (4, 4, 4)


def test_one_class_is_no_fusion(corpus: Path, speech: SpeechDetector) -> None:
    joint = FusedDetector(speech, red_localizer())
    with pytest.raises(NpvfError, match="1 real and 0 fake"):
        fit_fusion(collect_opinions(Corpus(corpus), joint, replace(EVERYONE, split="train")))


def test_the_command_writes_a_folder_that_judges(corpus: Path, speech: SpeechDetector, tmp_path: Path) -> None:
    speech.save_pretrained(tmp_path / "npv", {"seed": 1})
    Localizer(tiny_stddl()).save_pretrained(tmp_path / "stddl")
    words = ["fuse", in_store(corpus), "--detector", tmp_path / "npv", "--localizer", tmp_path / "stddl"]
    words += ["--out", tmp_path / "d"]
    with redirect_stdout(io.StringIO()) as out:
        assert main([*map(str, words), "--json"]) == 0
    said = json.loads(out.getvalue())
    detector = from_pretrained(tmp_path / "d")
    assert isinstance(detector, FusedDetector) and detector.fusion.to_json() == said["fusion"]
    verdict = detector.judge_clips([clip("x", 30, 1, "p")], "x.mp4", 2.0).verdict
    assert verdict.parts is not None and verdict.parts[0].logit is not None
    content = json.loads((tmp_path / "d" / "config.json").read_text())
    assert content["fitted_on"]["left_out"] == {"too_little_speech": 1, "no_audio": 1}
    assert json.loads((tmp_path / "d" / "speech" / "config.json").read_text())["training"] == {"seed": 1}
    assert main([*map(str, words)]) == 2  # nothing is overwritten


def test_a_fused_folder_is_evaluated_like_a_detector(corpus: Path, speech: SpeechDetector, tmp_path: Path) -> None:
    speech.save_pretrained(tmp_path / "npv")
    Localizer(tiny_stddl()).save_pretrained(tmp_path / "stddl")
    save_fused(Fusion(), tmp_path / "npv", tmp_path / "stddl", tmp_path / "d", {})
    words = ["evaluate", corpus, "--detector", tmp_path / "d", "--out", tmp_path / "out", "--bootstrap", 0]
    words += ["--no-plots", "--no-shortcuts", "--silence", "kept", "--include", "v[1-7]"]
    with redirect_stdout(io.StringIO()):
        assert main([*map(str, words)]) == 0
    report = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert report["coverage"] == 1.0 and {"speech/model.safetensors", "picture/config.json"} <= set(
        report["provenance"]["model"]
    )
