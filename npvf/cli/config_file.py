"""Read the settings of a command from a YAML file, and check each key and the type of each value."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from npvf.errors import NpvfError

T = TypeVar("T")


def read_settings(settings: type[T], path: Path | None = None, given: Mapping[str, Any] | None = None) -> T:
    """Fill the dataclass `settings` with the values of the file; values `given` on the command line take precedence.

    Raises:
        NpvfError: the file does not exist or is not YAML, a key is unknown (the error names the nearest one), a value
            has the wrong type, or a key without a default is missing.
    """
    content = {} if path is None else _load(path)
    where = "the command line" if path is None else str(path)
    hints = get_type_hints(settings)
    for key in content:
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(hints)}"
            raise NpvfError(f"{where}: unknown key {key!r}; {advice}")
        content[key] = _fitted(f"{where}: {key!r}", content[key], hints[key])
    content |= given or {}
    needed = [f.name for f in fields(settings) if f.default is MISSING and f.default_factory is MISSING]  # type: ignore[arg-type]
    if missing := [name for name in needed if name not in content]:
        raise NpvfError(f"{where}: {missing[0]!r} is missing: give it in the file or on the command line")
    return settings(**content)


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NpvfError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise NpvfError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise NpvfError(f"{path} has no keys: write one `name: value` on each line")
    return content


def _fitted(place: str, value: Any, hint: Any) -> Any:
    """Check the value against the type hint; return it, lists as tuples."""
    if not _fits(value, hint):
        raise NpvfError(f"{place} is {value!r}; expected {_describe(hint)}")
    return tuple(value) if isinstance(value, list) else value


def _fits(value: Any, hint: Any) -> bool:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return any(value == arg and type(value) is type(arg) for arg in args)
    if origin in (Union, UnionType):
        return any(_fits(value, arg) for arg in args)
    if origin is tuple:
        return isinstance(value, list) and all(_fits(item, args[0]) for item in value)
    if hint is float:
        return type(value) in (int, float)
    return value is None if hint is type(None) else type(value) is hint


def _describe(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, args))
    if origin in (Union, UnionType):
        return " or ".join(map(_describe, args))
    if origin is tuple:
        return "a list whose entries are each " + _describe(args[0])
    names = {str: "a string", int: "an integer", float: "a number", bool: "true or false", type(None): "null"}
    return names.get(hint, str(hint))
