"""The floors: imports only go down, and every room has its floor."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
LAYERS = {name.strip() for layer in CONTRACTS[0]["layers"] for name in layer.replace("|", ":").split(":")}


def test_imports_only_go_down() -> None:
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run([sys.executable, "-c", lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_has_a_floor() -> None:
    rooms = {f"npvf.{path.stem}" for path in (ROOT / "npvf").iterdir() if is_room(path)}
    assert rooms | {"pretrain", "finetune"} == LAYERS


def test_the_rooms_below_training_are_told_not_to_know_lightning() -> None:
    told = next(set(c["source_modules"]) for c in CONTRACTS if "pytorch_lightning" in c.get("forbidden_modules", []))
    assert told == LAYERS - {"npvf.cli", "npvf.training", "pretrain", "finetune"}


def is_room(path: Path) -> bool:
    return (path / "__init__.py").exists() or (path.suffix == ".py" and path.stem != "__init__")
