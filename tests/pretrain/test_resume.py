"""A run that is killed in the middle of an epoch and resumed ends with the weights of an undisturbed one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pretrain.cli import main
from tests.helpers.pretrain_stop import Fault
from tests.helpers.tiny_corpus import real_corpus

pytestmark = pytest.mark.slow

CONFIG = str(Path(__file__).parents[1] / "conf" / "pretrain.yaml")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_corpus(tmp_path_factory.mktemp("corpus"), count=10, frames=32, shards=2)


def fit(corpus: Path, run: Path, *more: str) -> dict[str, torch.Tensor]:
    options = [f"--data.train=[{corpus}]", f"--trainer.default_root_dir={run}", "--trainer.limit_val_batches=0"]
    assert main(["fit", "--config", CONFIG, *options, "--data.loader.batch_size=2", *more]) == 0
    return load_file(run / "encoder" / "model.safetensors")


@pytest.mark.parametrize(
    ("killed_at", "more"),
    [(5, ["--ema=0.9"]), (3, ["--data.loader.cache=stream", "--data.loader.steps_per_epoch=4"])],
    ids=["memory, second epoch, averaged weights", "stream"],
)
def test_it_goes_on_as_if_nothing_had_happened(corpus: Path, tmp_path: Path, killed_at: int, more: list[str]) -> None:
    more = [*more, "--checkpoint_steps=2"]
    undisturbed = fit(corpus, tmp_path / "undisturbed", *more)
    fault = f'[{{"class_path": "tests.helpers.pretrain_stop.FailAtStep", "init_args": {{"step": {killed_at}}}}}]'
    with pytest.raises(Fault):
        fit(corpus, tmp_path / "killed", *more, f"--trainer.callbacks={fault}")
    last = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == killed_at - 1
    resumed = fit(corpus, tmp_path / "killed", *more, f"--ckpt_path={last}")
    assert all(torch.equal(resumed[name], undisturbed[name]) for name in undisturbed)
