"""Every configuration of training that is shipped parses against today's code."""

from __future__ import annotations

from pathlib import Path

import pytest

from npvf.models import list_models

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
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert any(f"model: {name}" in printed for name in list_models())
