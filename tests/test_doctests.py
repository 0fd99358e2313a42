"""The examples in docstrings print what they say. Only the files that contain one are imported."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
PACKAGES = ("npvf", "pretrain", "finetune")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py") if ">>> " in file.read_text())


def test_examples_are_found() -> None:
    assert len(FILES) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_examples(file: Path) -> None:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in PACKAGES:
            raise
        pytest.skip(f"needs an extra: {error}")
    torch.manual_seed(0)
    report: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        results.run(example, out=report.append)
    assert results.tries, f"{name}: the examples are not in docstrings of the module's own functions or classes"
    assert not results.failures, "".join(report)
