"""Pre-training in two processes (gloo, on the CPU), as on two devices."""

from __future__ import annotations

import os
import sys
from math import ceil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from npvf.data.selection import hash_share
from npvf.errors import NpvfError
from pretrain.cli import main
from tests.helpers.ranks import run_command
from tests.helpers.tiny_corpus import real_corpus

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / "tests" / "conf" / "pretrain.yaml")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_corpus(tmp_path_factory.mktemp("corpus"), count=10, frames=48, shards=2)


def arguments(corpus: Path, run: Path) -> list[str]:
    options = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp"]
    data = [f"--data.train=[{corpus}]", "--data.loader.batch_size=2", "--data.loader.cache=stream"]
    return ["fit", "--config", CONFIG, f"--trainer.default_root_dir={run}", *options, *data]


def test_two_processes_train_one_model(corpus: Path, tmp_path: Path) -> None:
    """The second process is started by Lightning, with the same command line."""
    command = [sys.executable, "-m", "npvf.cli.main", "pretrain", *arguments(corpus, tmp_path)]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    status, said = run_command(command, variables)
    assert status == 0, said
    assert "sync_dist" not in said  # all ranks log the same, of what they have gathered
    weights = load_file(tmp_path / "encoder" / "model.safetensors")
    assert all(bool(torch.isfinite(value).all()) for value in weights.values())
    last = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["epoch"] == 1
    taking_part = sum(hash_share(f"who{n}") >= 0.4 for n in range(10))  # one window each
    assert last["global_step"] == 2 * (ceil(taking_part / 2) // 2)


def test_batch_norm_of_all_processes_needs_gpus(corpus: Path, tmp_path: Path) -> None:
    options = ["--trainer.devices=1", "--trainer.strategy=auto", "--trainer.sync_batchnorm=true"]
    with pytest.raises(NpvfError, match="sync_batchnorm works on GPUs only"):
        main([*arguments(corpus, tmp_path), *options])
