"""Every baseline that is trained, from its shipped configuration to a score, on a corpus of blobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune.cli import main as finetune
from npvf.detect.loading import from_pretrained
from npvf.detect.speech_detector import SpeechDetector
from npvf.evaluate.baselines.frames import FramePredictor
from npvf.io.corpus import Corpus
from pretrain.cli import main as pretrain
from tests.helpers.tiny_corpus import labelled_corpus, real_corpus

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[2] / "configs" / "baseline"
SHORT = ["--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"]
SMALL = ["--data.loader.batch_size=3", "--data.windows.frames=32"]
TOWERS = (
    "{dim: 24, common_dim: 16, viseme__embed_dim: 4, audio__embed_dim: 4, inputs__gate: all, inputs__mouth_size: 32}"
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled_corpus(tmp_path_factory.mktemp("corpus"), reals=2, fakes=3)


def arguments(name: str, corpus: Path, run: Path, *more: str) -> list[str]:
    where = [f"--data.train=[{corpus}]", f"--trainer.default_root_dir={run}"]
    return ["fit", "--config", str(CONFIGS / f"{name}.yaml"), *where, *SHORT, *SMALL, *more]


def test_frames(corpus: Path, tmp_path: Path) -> None:
    small = [
        "--model.model=frames_nano",
        "--model.model_args={inputs__face_size: 32}",
        "--model.backbone_pretrained=false",
    ]
    finetune(arguments("frames", corpus, tmp_path, *small))
    scorer = from_pretrained(tmp_path / "detector")
    assert isinstance(scorer, FramePredictor) and scorer.settings.calibration.a >= 0
    scores = list(scorer.score_clips(Corpus(corpus).clips))
    assert len(scores) == 10
    assert all(0 < scorer.aggregate([score]).probability < 1 for score in scores)


def test_two_towers_by_agreement_and_fine_tuned(corpus: Path, tmp_path: Path) -> None:
    real, held_out = real_corpus(tmp_path / "real"), "--data.clips.held_out=0.4"
    pretrain(arguments("two_tower_pretrain", real, tmp_path / "a", f"--model.model_args={TOWERS}", held_out))
    encoder = tmp_path / "a" / "encoder"
    assert (encoder / "model.safetensors").is_file()
    finetune(arguments("two_tower", corpus, tmp_path / "b", f"--model.encoder={encoder}"))
    scorer = from_pretrained(tmp_path / "b" / "detector")
    assert isinstance(scorer, SpeechDetector) and scorer.model.config.backbone == "conv"
    assert len(list(scorer.score_clips(Corpus(corpus).clips))) == 10
