"""Reader of Praat's TextGrid, in its long and its short text format.

It is our own because it is short, gives the line of each label for error messages, and saves a dependency (praatio).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple, TypeVar, cast

_T = TypeVar("_T", str, float)


class TextGridInterval(NamedTuple):
    """One labelled interval of a tier; `line` is the line of its label in the file."""

    start: float
    end: float
    text: str
    line: int


class _Token(NamedTuple):
    value: str | float
    line: int


# Praat reads only quoted texts and separate numbers (and a flag), so both formats are read alike.
_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"]|"")*") | (?P<comment>![^\n]*)
      | (?<!\S)(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?!\S)
      | [^\s"!]+ | ["!]""",
    re.VERBOSE,
)


def read_tiers(text: str) -> dict[str, list[TextGridInterval]]:
    """Return the interval tiers by name; point tiers are skipped.

    Raises:
        ValueError: the text is not a TextGrid, or is cut off or broken; the message contains the line.
    """
    if text.startswith("ooBinaryFile"):
        raise ValueError("a binary TextGrid: save it as a text file in Praat")
    tokens = _tokens(text)
    header = [token.value for token in islice(tokens, 2)]  # older files say "ooTextFile short"
    if len(header) < 2 or not str(header[0]).startswith("ooTextFile") or header[1] != "TextGrid":
        raise ValueError('not a TextGrid: it must begin with File type = "ooTextFile", Object class = "TextGrid"')
    _take(tokens, float, "the start"), _take(tokens, float, "the end")
    tiers: dict[str, list[TextGridInterval]] = {}
    for _ in range(_count(tokens, "the number of tiers")):
        kind = _take(tokens, str, "the kind of a tier")
        name = _take(tokens, str, "the name of a tier")
        _take(tokens, float, "the start of a tier"), _take(tokens, float, "the end of a tier")
        size = _count(tokens, "the size of a tier")
        if kind == "IntervalTier":
            tiers[name] = [_interval(tokens) for _ in range(size)]
        elif kind == "TextTier":
            for _ in range(size):
                _take(tokens, float, "a time"), _take(tokens, str, "a mark")
        else:
            raise ValueError(f"unknown kind of tier {kind!r}")
    return tiers


def _interval(tokens: Iterator[_Token]) -> TextGridInterval:
    start = _take(tokens, float, "the start of an interval")
    end = _take(tokens, float, "the end of an interval")
    token = _next(tokens, str, "the label of an interval")
    return TextGridInterval(start, end, str(token.value), token.line)


def _tokens(text: str) -> Iterator[_Token]:
    line, counted = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        if match["text"] is not None:
            yield _Token(match["text"][1:-1].replace('""', '"'), line)
        elif match["number"] is not None:
            yield _Token(float(match["number"]), line)


def _next(tokens: Iterator[_Token], kind: type, what: str) -> _Token:
    token = next(tokens, None)
    if token is None:
        raise ValueError(f"the file ends where {what} should stand")
    if not isinstance(token.value, kind):
        raise ValueError(f"line {token.line}: {token.value!r} stands where {what} should")
    return token


def _take(tokens: Iterator[_Token], kind: type[_T], what: str) -> _T:
    return cast(_T, _next(tokens, kind, what).value)


def _count(tokens: Iterator[_Token], what: str) -> int:
    return int(_take(tokens, float, what))
