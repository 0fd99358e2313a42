"""The pre-training command on a tiny corpus: the folder it leaves, and that a run can be repeated and resumed."""

from __future__ import annotations

import csv
import math
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from npvf.errors import NpvfError
from npvf.models import NPV
from pretrain.cli import main
from pretrain.module import PretrainModule, chosen_by_hash
from tests.helpers.tiny_corpus import real_corpus

pytestmark = pytest.mark.slow

CONFIG = str(Path(__file__).parents[1] / "conf" / "pretrain.yaml")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_corpus(tmp_path_factory.mktemp("corpus"), count=10, frames=48, shards=2)


def fit(corpus: Path, run: Path, *more: str) -> NPV:
    data, root = f"--data.train=[{corpus}]", f"--trainer.default_root_dir={run}"
    assert main(["fit", "--config", CONFIG, data, root, *more]) == 0
    return NPV.from_pretrained(run / "encoder")


@pytest.fixture(scope="module")
def undisturbed(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NPV]:
    run = tmp_path_factory.mktemp("run")
    return run, fit(corpus, run)


def same_weights(one: NPV, other: NPV) -> bool:
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def steps(checkpoint: Path) -> int:
    return int(torch.load(checkpoint, weights_only=True)["global_step"])


def test_a_run_leaves_its_folder(undisturbed: tuple[Path, NPV]) -> None:
    run, model = undisturbed
    assert model.config.name == "npv_nano" and model.config.inputs.mouth_size == 32
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}
    logs = run / "logs" / "version_0"
    assert "mouth_size: 32" in (logs / "config.yaml").read_text()
    with (logs / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in ("train/loss", "train/ec", "train/cor", "train/info", "collapse/viseme", "collapse/audio"):
        assert all(math.isfinite(float(row[name])) for row in rows if row[name]), name
        assert any(row[name] for row in rows), name
    for name in ("val/retrieval_r1", "val/sync_within_1", "val/swap_auc", "val/shift_auc"):
        values = [float(row[name]) for row in rows if row[name]]
        assert len(values) >= 2 and all(0 <= value <= 1 for value in values), name
    assert list((run / "tensorboard").rglob("events*"))


def test_a_run_that_was_broken_off_goes_on_as_if_it_were_not(
    corpus: Path, tmp_path: Path, undisturbed: tuple[Path, NPV]
) -> None:
    callback = '[{"class_path": "tests.helpers.pretrain_stop.StopAfterFirstEpoch"}]'
    fit(corpus, tmp_path, f"--trainer.callbacks={callback}")
    last = Path("checkpoints") / "last.ckpt"
    assert steps(tmp_path / last) * 2 == steps(undisturbed[0] / last)
    resumed = fit(corpus, tmp_path, f"--ckpt_path={tmp_path / last}")
    assert same_weights(resumed, undisturbed[1])


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    corpus: Path, tmp_path: Path, undisturbed: tuple[Path, NPV]
) -> None:
    assert same_weights(fit(corpus, tmp_path / "same"), undisturbed[1])
    assert not same_weights(fit(corpus, tmp_path / "other", "--seed_everything=1"), undisturbed[1])


def test_a_stream_trains_as_memory_does(corpus: Path, tmp_path: Path, undisturbed: tuple[Path, NPV]) -> None:
    """Step by step at the same learning rate, to the same weights."""
    assert same_weights(fit(corpus, tmp_path, "--data.loader.cache=stream"), undisturbed[1])
    rates = [learning_rates(run) for run in (tmp_path, undisturbed[0])]
    assert rates[0] == rates[1]
    assert len(rates[0]) == steps(tmp_path / "checkpoints" / "last.ckpt") > 2 and 0 < rates[0][-1] < max(rates[0])


def learning_rates(run: Path) -> list[float]:
    with next((run / "logs").rglob("metrics.csv")).open() as file:
        return [float(row["lr-AdamW/pg1"]) for row in csv.DictReader(file) if row.get("lr-AdamW/pg1")]


def test_every_switch_at_once(corpus: Path, tmp_path: Path) -> None:
    model = fit(corpus, tmp_path, "--config", str(CONFIG).replace(".yaml", "_switches.yaml"))
    saved = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    averaged = {name.removeprefix("model."): value for name, value in saved["state_dict"].items()}
    assert all(torch.equal(value, averaged[name]) for name, value in model.state_dict().items())
    assert not torch.equal(
        saved["current_model_state"]["model.viseme_head.layers.0.weight"], averaged["viseme_head.layers.0.weight"]
    )


def test_too_few_clips_for_a_batch_say_so(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(NpvfError, match=r"lower data\.loader\.batch_size"):
        fit(corpus, tmp_path, "--data.loader.batch_size=50")


def test_validation_keeps_the_same_few_clips_in_whatever_order() -> None:
    clips = [{"key": f"clip{i}"} for i in range(100)]
    kept = {clip["key"] for clip in chosen_by_hash(clips, 10)}
    in_parts: list[dict[str, Any]] = []
    for first in range(90, -10, -10):
        in_parts = chosen_by_hash([*in_parts, *clips[first : first + 10]], 10)
        assert len(in_parts) <= 10
    assert {clip["key"] for clip in in_parts} == kept and len(kept) == 10


def test_val_clips_bounds_what_validation_compares(corpus: Path, tmp_path: Path) -> None:
    fit(corpus, tmp_path, "--trainer.max_epochs=1", "--model.val_clips=2", "--data.clips.held_out=0.5")
    rows = list(csv.DictReader((tmp_path / "logs" / "version_0" / "metrics.csv").open()))
    counts = [float(row["val/clips"]) + float(row["val/clips_unusable"]) for row in rows if row.get("val/clips")]
    assert counts and set(counts) == {2.0}


def test_collapsing_features_warn() -> None:
    module = PretrainModule(model_args={"dim": 32, "common_dim": 16})
    with pytest.warns(UserWarning, match="collapse/viseme is 0.05"):
        module.watch({"collapse_viseme": torch.tensor(0.05), "loss": torch.tensor(0.0)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module.watch({"collapse_viseme": torch.tensor(0.9), "loss": torch.tensor(0.0)})
