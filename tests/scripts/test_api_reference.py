"""The API reference keeps calls, sections, shapes and examples of docstrings."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from npvf.losses import EvolutionConsistencyLoss
from npvf.speech.gate import gate

SCRIPT = Path(__file__).parents[2] / "scripts/api_reference.py"
spec = importlib.util.spec_from_file_location("api_reference", SCRIPT)
assert spec is not None and spec.loader is not None
api = importlib.util.module_from_spec(spec)
spec.loader.exec_module(api)


def test_a_call_keeps_names_types_and_defaults() -> None:
    text = api.signature("gate", gate)
    assert "    which: Gate = 'noncritical',\n" in text and text.endswith(") -> np.ndarray")


def test_a_docstring_keeps_its_sections_and_examples() -> None:
    text = api.markdown(gate.__doc__)
    assert "**Args**" in text and "- `frames`: T, at 25 frames per second." in text
    assert "**Raises**\n\n- `ValueError`: an unknown gate" in text
    assert "```pycon\n>>> from npvf.clip import Phone\n" in text and text.endswith("```")


def test_a_class_shows_its_methods_with_shapes() -> None:
    text = "\n".join(api.entry("EvolutionConsistencyLoss", EvolutionConsistencyLoss))
    assert "### `EvolutionConsistencyLoss.forward`" in text and "(N, S, D) unit vectors" in text


@pytest.mark.parametrize(("prose", "kept"), [("T[:, 0] < 1", r"T\[:, 0\] \< 1"), ("`a[0]` b_c", r"`a[0]` b\_c")])
def test_brackets_are_not_taken_for_links(prose: str, kept: str) -> None:
    assert api.escaped(prose) == kept
