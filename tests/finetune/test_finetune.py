"""The fine-tuning command on a tiny corpus: a detector folder, and the corpora it must not accept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from finetune.cli import main
from finetune.module import DetectionModule, FineTuneOptim
from npvf.detect.aggregate import ClipScore, DecisionSettings
from npvf.detect.fit_decision import LabelledScore, score_videos
from npvf.detect.speech_detector import SpeechDetector
from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.models import create_model
from tests.helpers.tiny_corpus import blob_clip, labelled_corpus, write_corpus

pytestmark = pytest.mark.slow

CONFIG = str(Path(__file__).parents[1] / "conf" / "finetune.yaml")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled_corpus(tmp_path_factory.mktemp("corpus"), reals=2, fakes=5)


@pytest.fixture
def encoder(tmp_path: Path, tiny_overrides: dict) -> Path:
    torch.manual_seed(7)
    return create_model("npv_nano", **tiny_overrides).save_pretrained(tmp_path / "encoder")


def fit(corpus: Path, run: Path, *more: str) -> None:
    main(["fit", "--config", CONFIG, f"--data.train=[{corpus}]", f"--trainer.default_root_dir={run}", *more])


def test_the_product_is_a_detector(corpus: Path, tmp_path: Path) -> None:
    fit(corpus, tmp_path)
    detector = SpeechDetector.from_pretrained(tmp_path / "detector")
    assert detector.settings.calibration.a >= 0 and 0 < detector.settings.threshold < 1
    scores = list(detector.score_clips(Corpus(corpus).clips))
    assert len(scores) == 14
    assert all(0 < detector.aggregate([score]).probability < 1 for score in scores)


def test_an_encoder_is_where_it_starts_and_freezing_keeps_it(corpus: Path, tmp_path: Path, encoder: Path) -> None:
    run = tmp_path / "run"
    fit(corpus, run, f"--model.encoder={encoder}", "--model.model_args=null", "--model.freeze=true", "--export=last")
    before = DetectionModule(str(encoder)).model.state_dict()
    after = SpeechDetector.from_pretrained(run / "detector").model.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed <= {"head", "awareness_va", "awareness_fa"} and "head" in changed


def test_every_switch_at_once(corpus: Path, tmp_path: Path) -> None:
    fit(corpus, tmp_path, "--config", CONFIG.replace(".yaml", "_switches.yaml"))
    saved = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    weights = SpeechDetector.from_pretrained(tmp_path / "detector").model.state_dict()
    assert all(torch.equal(value, saved[f"model.{name}"]) for name, value in weights.items()), "averaged ones"


def test_layers_have_their_rates(encoder: Path) -> None:
    module = DetectionModule(str(encoder), optim=FineTuneOptim(lr=1.0, backbone_lr=0.1, layer_decay=0.5))
    rates = {id(p): group["lr"] for group in module.groups() for p in group["params"]}
    tower = module.model.viseme_tower
    assert rates[id(module.model.head.agreement.correction[-1].weight)] == 1.0
    assert rates[id(tower.readout.weight)] == pytest.approx(0.1)
    assert rates[id(next(tower.swin.patch_embed.parameters()))] == pytest.approx(0.1 * 0.5**3)
    assert len(rates) == len(list(module.model.parameters()))


def test_the_head_and_the_backbone_have_their_rates(encoder: Path) -> None:
    module = DetectionModule(str(encoder))
    parts = [{id(p) for m in part for p in m.parameters()} for part in (module.head, module.backbone)]
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] == {id(p) for p in module.model.parameters()}


def test_what_a_residual_head_adds_decays_more(tiny_overrides: dict) -> None:
    module = DetectionModule(model_args={**tiny_overrides, "head": "residual"}, optim=FineTuneOptim(weight_decay=0.05))
    decays = {id(p): group["weight_decay"] for group in module.groups() for p in group["params"]}
    head = module.model.head
    assert decays[id(head.fused.mlp[-1].weight)] == 0.5 and decays[id(head.agreement.correction[-1].weight)] == 0.05
    assert decays.keys() == {id(p) for p in module.model.parameters()}


def test_model_arguments_do_not_go_with_an_encoder(encoder: Path) -> None:
    with pytest.raises(NpvfError, match="either an encoder or model_args"):
        DetectionModule(str(encoder), model_args={"dim": 8})


def test_someone_in_both_splits_is_refused(tmp_path: Path) -> None:
    who = {"identity": "anna", "identities": ("anna",)}
    clips = [
        blob_clip(f"{split}{label}", label, label=label, split=split, **who)
        for split in ("train", "val")
        for label in (0, 1)
    ]
    with pytest.raises(NpvfError, match=r"1 identities are both in training and in validation: anna"):
        fit(write_corpus(tmp_path / "corpus", clips), tmp_path / "run")


@pytest.fixture
def forged_in_validation_only(tmp_path: Path) -> Path:
    clips = [blob_clip(f"train{i}", i, label=0, split="train") for i in range(4)]
    clips += [blob_clip(f"val{i}", 10 + i, label=i % 2, split="val") for i in range(4)]
    return write_corpus(tmp_path / "corpus", clips)


@pytest.mark.parametrize("cache", ["memory", "stream"])
def test_genuine_clips_are_enough_to_train_on(forged_in_validation_only: Path, tmp_path: Path, cache: str) -> None:
    """The objective makes its fakes of their features."""
    more = ["--trainer.reload_dataloaders_every_n_epochs=1"] if cache == "stream" else []
    fit(forged_in_validation_only, tmp_path / "run", f"--data.loader.cache={cache}", "--trainer.max_epochs=1", *more)
    assert SpeechDetector.from_pretrained(tmp_path / "run" / "detector").settings.calibration.a >= 0


def test_without_feature_fakes_training_needs_forged_clips(forged_in_validation_only: Path, tmp_path: Path) -> None:
    with pytest.raises(NpvfError, match="the train part holds 4 real and 0 fake"):
        fit(forged_in_validation_only, tmp_path / "run", "--model.objective.feature_fakes={weight: 0}")


def test_validation_without_fakes_is_refused(tmp_path: Path) -> None:
    clips = [blob_clip(f"{split}{i}", i, label=0, split=split) for split in ("train", "val") for i in range(2)]
    with pytest.raises(NpvfError, match="the val part holds 2 real and 0 fake"):
        fit(write_corpus(tmp_path / "corpus", clips), tmp_path / "run")


def test_people_can_be_held_out_by_name(corpus: Path, tmp_path: Path) -> None:
    held = "--data.clips.val_identities=[p100,p101]"
    fit(corpus, tmp_path, held, "--trainer.max_epochs=1")
    rows = (tmp_path / "logs" / "version_0" / "metrics.csv").read_text()
    assert "val/auc" in rows and (tmp_path / "detector" / "config.json").is_file()


def test_a_video_is_fake_where_one_of_its_clips_is() -> None:
    scores = [("a", (1.0, 2.0), 0), ("a", (6.0,), 1), ("b", (-1.0,), 0), ("c", (), 1)]
    clips = [LabelledScore(ClipScore("k", video, 0, logits), label, video) for video, logits, label in scores]
    videos = score_videos(clips, DecisionSettings(sharpness=0.0))
    assert videos.log_odds_N.tolist() == [3.0, -1.0] and videos.labels_N.tolist() == [1, 0]
