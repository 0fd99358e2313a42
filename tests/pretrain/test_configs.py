"""Every configuration of training that is shipped parses against today's code."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from npvf.models import list_models
from npvf.models.registry import model_config

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2] / "configs"
CONFIGS = sorted(path for path in ROOT.glob("*/*.yaml") if "\ntrainer:" in path.read_text())


# Configurations that go on top of another one.
ON_TOP_OF = {"scale": "tiny"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_it_parses(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "pretrain" in (path.parent.name, path.stem.rpartition("_")[2]):
        from pretrain.cli import main
    else:
        from finetune.cli import main
    base = path.with_stem(ON_TOP_OF[path.stem]) if path.stem in ON_TOP_OF else path
    with pytest.raises(SystemExit) as ended:
        main(["fit", "--config", str(base), "--config", str(path), "--print_config"])
    assert ended.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    model, trainer = printed["model"]["init_args"], printed["trainer"]
    assert model["model"] in list_models()
    model_config(model["model"]).configured(**(model["model_args"] or {}))  # raises where a field is not known
    if trainer["devices"] == "auto" and trainer["accelerator"] == "gpu":
        assert trainer["sync_batchnorm"] and trainer["precision"] == "bf16-mixed"


def test_a_training_of_each_size_is_there() -> None:
    named = {yaml.safe_load(path.read_text())["model"]["init_args"].get("model") for path in CONFIGS}
    assert {"npv_nano", "npv_small", "npv_tiny"} <= named
