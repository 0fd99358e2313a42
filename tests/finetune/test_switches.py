"""Every open choice of the paper is a switch that trains from a configuration file, and the document lists them all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from npvf.models import NPV
from tests.helpers.tiny_corpus import labelled_corpus

CONF = Path(__file__).parents[1] / "conf"
SWITCHES = yaml.safe_load((CONF / "switches.yaml").read_text())
TABLE = Path(__file__).parents[2] / "docs" / "npvforensics.md"
CASES = [(stage, name) for stage, switches in SWITCHES.items() for name in switches]
LEFT_BEHIND = {"pretrain": "encoder", "finetune": "detector"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled_corpus(tmp_path_factory.mktemp("corpus"), reals=5, fakes=3)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` on `base`, mapping by mapping: the command line replaces `model_args` as a whole."""
    inner = {k: merged(base.get(k, {}), v) if isinstance(v, dict) else v for k, v in over.items()}
    return {**base, **inner}


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "name"), CASES)
def test_it_trains_from_a_configuration_file(stage: str, name: str, corpus: Path, tmp_path: Path) -> None:
    if stage == "pretrain":
        from pretrain.cli import main
    else:
        from finetune.cli import main
    base = yaml.safe_load((CONF / f"{stage}.yaml").read_text())
    switched = {part: {"init_args": args} for part, args in SWITCHES[stage][name].items()}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(merged(base, switched)))
    run = [f"--data.train=[{corpus}]", f"--trainer.default_root_dir={tmp_path}"]
    run += ["--trainer.max_epochs=1", "--trainer.limit_train_batches=1"]
    assert main(["fit", "--config", str(tmp_path / "config.yaml"), *run]) == 0
    model = NPV.from_pretrained(tmp_path / LEFT_BEHIND[stage])
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())


def test_the_document_lists_every_switch_and_no_other() -> None:
    table = TABLE.read_text().partition("## What the paper leaves open")[2].partition("\n## ")[0]
    rows = [line.split("|")[-2] for line in table.splitlines() if line.startswith("| ") and "---" not in line][1:]
    listed = {name for cell in rows for name in re.findall(r"`(\w+)`", cell)}
    assert listed == {name.partition("=")[0] for switches in SWITCHES.values() for name in switches}
