"""`npvf models list`: the weights of the package, as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from npvf.cli.main import main
from npvf.detect.card import update_card
from npvf.weights import CARD, DEFAULT, shipped


def test_the_list(some_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "card.yaml").write_text("summary: Compares lips and audio.")
    update_card(some_weights / DEFAULT, tmp_path / "card.yaml")
    assert main(["models", "list", "--json"]) == 0
    default, lips = json.loads(capsys.readouterr().out)
    assert (default["name"], default["default"], default["kind"]) == (DEFAULT, True, "detector")
    assert default["content"] == "Compares lips and audio."
    assert default["card"] == str(some_weights / DEFAULT / CARD)
    assert [default["sha256"], lips["sha256"]] == [one.sha256 for one in shipped()]
    assert default["bytes"] == sum(path.stat().st_size for path in (some_weights / DEFAULT).rglob("*.*"))
    assert (lips["name"], lips["default"], lips["kind"]) == ("lips", False, "encoder")
    assert main(["models", "list"]) == 0
    printed = capsys.readouterr().out
    assert DEFAULT in printed and "lips" in printed and "encoder" in printed


def test_without_weights(no_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    assert "no trained weights" in capsys.readouterr().out
    assert main(["models", "card"]) == 2
    assert "no trained detector" in capsys.readouterr().err
