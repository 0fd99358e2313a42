"""Old keys of training configurations are refused with the name of the new key, in a file and on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from finetune.cli import main
from npvf.training.moved_keys import MOVED

CONF = Path(__file__).parents[1] / "conf"


def refusal(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["fit", *args])
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("stage", "key"),
    [
        ("finetune", "model.head_lr"),
        ("pretrain", "data.held_out"),
        ("localize", "data.frames"),
        ("localize", "data.self_forged"),
        ("localize", "model.imagenet"),
    ],
)
def test_an_old_key_on_the_command_line(stage: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"{key} is now {MOVED[key]}" in refusal(capsys, "--config", str(CONF / f"{stage}.yaml"), f"--{key}=1")


def test_an_old_file_on_top_of_a_new_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old.yaml").write_text("data: {batch_size: 3}")
    said = refusal(capsys, "--config", str(CONF / "finetune.yaml"), "--config", str(tmp_path / "old.yaml"))
    assert "data.batch_size is now data.loader.batch_size" in said


def test_an_old_name_in_a_new_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old.yaml").write_text("data: {init_args: {self_forged: true}}")
    said = refusal(capsys, "--config", str(CONF / "localize.yaml"), "--config", str(tmp_path / "old.yaml"))
    assert "data.self_forged is now data.self_blended" in said


def test_an_old_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = {"model": {"model": "npv_nano", "lr": 1e-3, "warmup": 0.1}}
    (tmp_path / "old.yaml").write_text(yaml.safe_dump(old))
    said = refusal(capsys, "--config", str(tmp_path / "old.yaml"))
    assert "model.class_path" in said and "model.model is now" not in said
    assert "model.lr is now model.optim.lr" in said and "model.warmup is now model.optim.warmup" in said


def test_an_unknown_key_that_never_was_has_no_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert "is now" not in refusal(capsys, "--config", str(CONF / "finetune.yaml"), "--model.momentum=1")
