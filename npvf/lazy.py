"""Public names of a package that are imported on first use, so that importing a part of it does not load the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for the `__init__.py` of a package.

    Args:
        package: the name of the package, `__name__`.
        names: the public names in each module of the package. A name is not that of a module: importing the module
            would replace it.
    """
    modules = {name: module for module, some in names.items() for name in some}

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    def listed() -> list[str]:
        return sorted(import_module(package).__all__)

    return get, listed
