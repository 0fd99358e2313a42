"""Each sub-package states its public names in `__all__`."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pytest

import npvf

PACKAGES = [
    "npvf",
    *(f"npvf.{found.name}" for found in pkgutil.iter_modules(npvf.__path__) if found.ispkg),
    "pretrain",
    "finetune",
]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_exists_and_is_described(name: str) -> None:
    package = import_module(name)
    assert package.__doc__ and isinstance(package.__all__, list), f"{name} has no docstring or no __all__"
    assert set(package.__all__) <= set(dir(package))
    for public in package.__all__:
        thing = getattr(package, public)
        if inspect.isclass(thing) or inspect.isroutine(thing) or inspect.ismodule(thing):
            generated = f"{public}("  # what `dataclass` writes where there is no docstring
            assert thing.__doc__ and not thing.__doc__.startswith(generated), f"{name}.{public} has no docstring"


@pytest.mark.parametrize("name", PACKAGES)
def test_a_public_name_stays_what_it_is_when_a_module_is_imported(name: str) -> None:
    """Importing `npvf.speech.gate` sets the attribute `gate` of `npvf.speech`, so no name of that kind can be lazy."""
    package = import_module(name)
    for public in {found.name for found in pkgutil.iter_modules(package.__path__)} & set(package.__all__):
        thing = getattr(package, public)
        import_module(f"{name}.{public}")
        assert getattr(package, public) is thing, f"{name}.{public} is also a module"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"No npvf\.detect attribute Detektor"):
        import_module("npvf.detect").Detektor  # noqa: B018
