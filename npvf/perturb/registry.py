"""`list_perturbations` and `get_perturbation`: the suite by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any, Literal, get_args

import numpy as np

from npvf.errors import NpvfError
from npvf.perturb.video_edit import VideoEdit

Group = Literal["picture", "sound", "both", "routes"]
GROUPS: tuple[Group, ...] = get_args(Group)
Change = Callable[[VideoEdit, Any, np.random.Generator], VideoEdit]

_PERTURBATIONS: dict[str, Perturbation] = {}


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One kind of change at several strengths.

    Attributes:
        name: the name on the command line.
        group: the streams that it changes.
        levels: its setting at level 1, 2, ..., from weak to strong; a route has one.
        description: one level in words, with braces for its setting.
        passes: the changes, one after the other; each one is a real encoding.
    """

    name: str
    group: Group
    levels: tuple[Any, ...]
    description: str
    passes: tuple[Change, ...]

    def setting(self, level: int) -> Any:
        """Return the setting of a level. Raises NpvfError for an unknown level."""
        if not 1 <= level <= len(self.levels):
            there = "one level" if len(self.levels) == 1 else f"levels 1 to {len(self.levels)}"
            raise NpvfError(f"{self.name} has {there}, no level {level}")
        return self.levels[level - 1]

    def describe(self, level: int) -> str:
        """Return a level in words."""
        setting = self.setting(level)
        return self.description.format(*(setting if isinstance(setting, tuple) else (setting,)))


def perturbation(group: Group, levels: Sequence[Any], description: str) -> Callable[[Change], Change]:
    """Register a function under its own name."""

    def register(change: Change) -> Change:
        add(Perturbation(change.__name__, group, tuple(levels), description, (change,)))
        return change

    return register


def add(item: Perturbation) -> None:
    """Add a perturbation to the suite."""
    _PERTURBATIONS[item.name] = item


def list_perturbations(pattern: str = "*", groups: Sequence[Group] = GROUPS) -> list[Perturbation]:
    """Return the suite in order of group and registration, filtered by a shell pattern and by groups.

    Examples:
        >>> [item.name for item in list_perturbations("*blur*")]
        ['blur']
    """
    chosen = [item for item in _PERTURBATIONS.values() if fnmatch(item.name, pattern) and item.group in groups]
    return sorted(chosen, key=lambda item: GROUPS.index(item.group))


def get_perturbation(name: str) -> Perturbation:
    """Return a perturbation by its name. Raises NpvfError for an unknown name.

    Examples:
        >>> get_perturbation("blur").describe(5)
        'blur, kernel of 21 pixels'
    """
    if name not in _PERTURBATIONS:
        raise NpvfError(f"no perturbation is called {name!r}; there are {', '.join(_PERTURBATIONS)}")
    return _PERTURBATIONS[name]
