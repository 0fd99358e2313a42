"""`ModelConfig`: everything that makes a model, as JSON beside its weights; each family of models has its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_type_hints

from npvf.errors import NpvfError

if TYPE_CHECKING:
    from torch import nn

FAMILIES: dict[str, type[ModelConfig]] = {}
"""The configurations of the families that are imported; a subclass adds itself."""

MODULES = {
    "npv": "npvf.models.npv.sizes",
    "stddl": "npvf.models.stddl.sizes",
    "frames": "npvf.models.frame_classifier",
    "mouth_motion": "npvf.models.motion.mouth_motion",
}
"""The modules of our families. They are imported when a model of the family is asked for: timm takes seconds."""


def import_families(*families: str) -> None:
    """Import families of models, which registers their configurations and sizes; without a name, all of ours."""
    for family in families or MODULES:
        if family in MODULES:
            import_module(MODULES[family])


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The base of a family's configuration. Fields are plain values or dataclasses of plain values.

    Attributes:
        family: what `config.json` calls the family.
        moved: fields of earlier versions, and what to write instead.
    """

    family: ClassVar[str]
    moved: ClassVar[Mapping[str, str]] = MappingProxyType({})

    name: str

    def __init_subclass__(cls) -> None:
        FAMILIES[cls.family] = cls

    def build(self, backbone_pretrained: bool | str = False) -> nn.Module:
        """The model, a `PretrainedModel`; `backbone_pretrained`: ImageNet weights to start from, see `create_model`."""
        raise NotImplementedError

    def _from_hub(self, backbone_pretrained: bool | str) -> bool:
        """Refuse a file of weights, for families whose backbones take timm's own only."""
        if isinstance(backbone_pretrained, str):
            raise ValueError(f"{self.name} takes ImageNet weights from timm's hub only, not from {backbone_pretrained}")
        return backbone_pretrained

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Raises NpvfError where a key is unknown: an old library cannot run a newer model unseen."""
        cls._refuse_moved(content)
        parts: dict[str, Any] = {name: kind for name, kind in get_type_hints(cls).items() if is_dataclass(kind)}
        try:
            built = {k: part(**_tuples(content[k])) for k, part in parts.items() if k in content}
            return cls(**{**_tuples(content), **built})
        except TypeError as error:
            raise NpvfError(f"this configuration is not one of this version of npvf: {error}") from error

    @classmethod
    def _refuse_moved(cls, keys: Iterable[str]) -> None:
        """Raise NpvfError, which names what to write instead, for a field of an earlier version."""
        for key in keys:
            if key in cls.moved:
                raise NpvfError(f"{key} is not a field of this version of npvf: {cls.moved[key]}")

    def configured(self, **overrides: Any) -> Self:
        """With some fields replaced; see `create_model`."""
        self._refuse_moved(overrides)
        config = self
        for key, value in overrides.items():
            if value is None:
                continue
            outer, _, inner = key.partition("__")
            try:
                if inner:
                    value = replace(getattr(config, outer), **_tuples({inner: value}))
                config = replace(config, **_tuples({outer: value}))
            except (AttributeError, TypeError) as error:
                raise ValueError(f"{self.name} has no option {key!r}: {error}") from error
        return config


def _tuples(content: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
