"""The models by name: sizes of every family."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from fnmatch import fnmatch
from typing import TypeVar

from npvf.models.config import ModelConfig, import_families

Size = TypeVar("Size", bound=Callable[[], ModelConfig])

_SIZES: dict[str, Callable[[], ModelConfig]] = {}


def register_model(size: Size) -> Size:
    """Register a function that returns a configuration; its name is the model's."""
    _SIZES[size.__name__] = size
    return size


def list_models(pattern: str = "*") -> list[str]:
    """Names that `create_model` knows, filtered by a shell pattern.

    Raises:
        ValueError: no name matches the pattern.

    Examples:
        >>> "npv_tiny" in list_models("npv_*")
        True
    """
    import_families()
    found = sorted(name for name in _SIZES if fnmatch(name, pattern))
    if not found:
        raise ValueError(f"no model is called {pattern!r}{did_you_mean(pattern.strip('*'), _SIZES)}")
    return found


def model_config(name: str) -> ModelConfig:
    """Return the configuration of a model by its name. Raises ValueError for an unknown name."""
    if name not in _SIZES:
        import_families()
    if name not in _SIZES:
        raise ValueError(f"no model is called {name!r}{did_you_mean(name, _SIZES)}")
    return _SIZES[name]()


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: the nearest name, and all names.

    Examples:
        >>> did_you_mean("npv_tny", ["npv_nano", "npv_tiny"])
        ": did you mean 'npv_tiny'? There are npv_nano, npv_tiny"
    """
    names = sorted(known)
    meant = get_close_matches(name, names, n=1)
    return (f": did you mean {meant[0]!r}?" if meant else ":") + f" There are {', '.join(names)}"
