"""`create_model` and `list_models`: sizes of every family by name."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, TypeVar

from npvf.models.config import ModelConfig

if TYPE_CHECKING:
    from npvf.models.pretrained import PretrainedModel

Size = TypeVar("Size", bound=Callable[[], ModelConfig])

_SIZES: dict[str, Callable[[], ModelConfig]] = {}


def register_model(size: Size) -> Size:
    """Register a function that returns a configuration; its name is the model's."""
    _SIZES[size.__name__] = size
    return size


def list_models(pattern: str = "*") -> list[str]:
    """Names that `create_model` knows, filtered by a shell pattern.

    Examples:
        >>> "npv_tiny" in list_models("npv_*")
        True
    """
    return sorted(name for name in _SIZES if fnmatch(name, pattern))


def create_model(name: str, pretrained: bool = False, **overrides: Any) -> PretrainedModel:
    """Build a model by name; its configuration knows the class.

    Args:
        name: one of `list_models()`.
        pretrained: start its backbones (Swin, HRNet) from timm's ImageNet weights.
        overrides: fields of its configuration (`NPVConfig`, `STDDLConfig`); a field of one of its parts is written
            with two underscores, `inputs__gate="all"`. None leaves the default.

    Raises:
        ValueError: an unknown name or field.

    Examples:
        >>> model = create_model("npv_nano", inputs__gate="all")
        >>> type(model).__name__, model.config.inputs.gate
        ('NPV', 'all')
    """
    return model_config(name).configured(**overrides).build(pretrained)


def model_config(name: str) -> ModelConfig:
    """Return the configuration of a model by its name. Raises ValueError for an unknown name."""
    if name not in _SIZES:
        raise ValueError(f"no model is called {name!r}; there are {', '.join(list_models())}")
    return _SIZES[name]()
