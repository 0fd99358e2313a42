"""A command's settings from one dataclass: each field is a flag and a key of a YAML file.

A file is parsed as if its keys were flags, so both have the same types, ranges and errors. Own code, because
jsonargparse has no `--no-NAME`, takes a list only as `[a, b]`, and does not suggest the nearest key for an unknown one.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from npvf.errors import NpvfError

T = TypeVar("T")


def option(
    default: Any,
    help: str,
    metavar: str | None = None,
    section: str = "",
    within: tuple[float, float] | None = None,
    positional: bool = False,
) -> Any:
    """A dataclass field that is a flag.

    Args:
        default: `MISSING` for a positional argument that has to be given.
        help: what the setting means; the default is added unless the text names one.
        metavar: of the flag's value.
        section: of the help.
        within: the range of a number, both ends included.
        positional: the argument has no `--name`; true for every field without a default.
    """
    metadata = {"help": help, "metavar": metavar, "section": section, "within": within}
    return field(default=default, metadata=metadata | {"positional": positional or default is MISSING})


def add_flags(parser: argparse.ArgumentParser, settings: type[Any]) -> None:
    """A flag for each field. A flag that is not given is not in the result, so that the file's value stands."""
    sections: dict[str, Any] = {"": parser}
    hints = get_type_hints(settings)
    for item in fields(settings):
        section = item.metadata["section"]
        if section not in sections:
            sections[section] = parser.add_argument_group(section)
        name = item.name if item.metadata["positional"] else f"--{item.name.replace('_', '-')}"
        sections[section].add_argument(
            name, default=argparse.SUPPRESS, help=_help(item), **_parsing(item, hints[item.name])
        )


def read_settings(settings: type[T], path: Path | None, given: Mapping[str, Any]) -> T:
    """The dataclass `settings` with the values of the file, and over them those of the command line.

    Raises:
        NpvfError: the file cannot be read; an unknown key (the nearest one is named); a value of a wrong type or out of
            its range; a key without a default that is not given.
    """
    content = {} if path is None else _parsed(settings, _load(path), str(path))
    content |= {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    for item in fields(settings):  # type: ignore[arg-type]
        if item.default is MISSING and item.name not in content:
            where = "the command line" if path is None else path
            raise NpvfError(f"{where}: {item.name!r} is missing: give it in the file or on the command line")
    return settings(**content)


def _parsing(item: Field[Any], hint: Any) -> dict[str, Any]:
    """The keywords of `add_argument` for a field."""
    kind, choices = _plain_type(hint)
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    keywords: dict[str, Any] = {"metavar": item.metadata["metavar"], "choices": choices or None}
    if kind in (int, float):
        keywords["type"] = _number(kind, item.metadata["within"])
    if kind is tuple or item.metadata["positional"]:
        keywords["nargs"] = "+" if kind is tuple else "?"
    return keywords


def _plain_type(hint: Any) -> tuple[type, tuple[Any, ...]]:
    """The type without `None`, and the choices of a `Literal`."""
    if get_origin(hint) in (UnionType, Union):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is Literal:
        return str, get_args(hint)
    return get_origin(hint) or hint, ()


def _number(kind: type, within: tuple[float, float] | None) -> Callable[[str], Any]:
    wanted = "an integer" if kind is int else "a number"
    if within:
        wanted += f" from {within[0]:g} to {within[1]:g}" if within[1] < 10**6 else f" >= {within[0]:g}"

    def parse(text: str) -> Any:
        try:
            number = kind(text)
        except ValueError:
            number = None
        if number is None or (within and not within[0] <= number <= within[1]):
            raise argparse.ArgumentTypeError(f"expected {wanted}, got {text!r}")
        return number

    return parse


def _help(item: Field[Any]) -> str:
    text: str = item.metadata["help"]
    if "default:" in text or item.default in (MISSING, None, ()):
        return text
    shown = ("yes" if item.default else "no") if isinstance(item.default, bool) else item.default
    return f"{text} (default: {' '.join(shown) if isinstance(shown, tuple) else shown})"


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


def _parsed(settings: type[Any], content: dict[str, Any], where: str) -> dict[str, Any]:
    """The values of a file, parsed by the flags."""

    class FileParser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise NpvfError(f"{where}: {message}")

    parser = FileParser(add_help=False)
    add_flags(parser, settings)
    flags: list[str] = []
    positional: list[str] = []
    for item, words in _words(settings, content, where):
        (positional if item.metadata["positional"] else flags).extend(words)
    found = vars(parser.parse_args([*flags, "--", *positional]))
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def _words(settings: type[Any], content: dict[str, Any], where: str) -> Iterator[tuple[Field[Any], list[str]]]:
    """Each key of a file with the words that say the same on the command line; null means the default."""
    known = {item.name: item for item in fields(settings)}
    hints = get_type_hints(settings)
    for key, value in content.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            raise NpvfError(f"{where}: unknown key {key!r}; {advice}")
        kind, _ = _plain_type(hints[key])
        values = value if isinstance(value, list) else [value]
        if isinstance(value, list) and kind is not tuple:
            raise NpvfError(f"{where}: {key!r} is a list; expected one value")
        if value is None or (kind is tuple and not values):
            continue
        if any(isinstance(one, bool) != (kind is bool) or isinstance(one, dict | list) for one in values):
            wanted = "true or false" if kind is bool else "a string or a number"
            raise NpvfError(f"{where}: {key!r} is {value!r}; expected {wanted}")
        flag = key.replace("_", "-")
        if kind is bool:
            yield known[key], [f"--{flag}" if value else f"--no-{flag}"]
        elif kind is tuple:
            yield known[key], [f"--{flag}", *map(str, values)]
        else:
            yield known[key], [str(value)] if known[key].metadata["positional"] else [f"--{flag}={value}"]
