"""Find a corpus in the folder that a user gives, and read its lists."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from npvf.errors import NpvfError
from npvf.io.sources import VIDEO_SUFFIXES, walk_files

_DEPTH = 3  # FakeAVCeleb_v1.2/FakeAVCeleb_v1.2, LAV-DF/LAV-DF/LAV-DF
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>")


def locate(root: Path, *marks: str, what: str) -> Path:
    """Find the folder that contains one of `marks` (names or patterns): `root`, or up to three levels below it.

    Unpacked archives are often nested once or twice; the uppermost folder is returned.

    Raises:
        NpvfError: there is none, or there are two at the same depth, that is, two copies.
    """
    if not root.is_dir():
        raise NpvfError(f"{root} is not a folder. Give the folder that contains {what}.")
    level = [root]
    for _ in range(_DEPTH + 1):
        found = [folder for folder in level if any(next(folder.glob(mark), None) for mark in marks)]
        if len(found) > 1:
            raise NpvfError(f"{root} contains {what} twice: {found[0]} and {found[1]}. Give one of them.")
        if found:
            return found[0]
        level = sorted(Path(entry) for folder in level for entry in os.scandir(folder) if entry.is_dir())
    raise NpvfError(
        f"{root} does not contain {what}: there is no {' or '.join(marks)} in it. `npvf corpora` shows its layout."
    )


def find_videos(root: Path, below: str = "") -> list[str]:
    """List the videos under `root/below`, following links; sorted, relative to `root`, with forward slashes."""
    return find_files(root, VIDEO_SUFFIXES, below)


def find_files(root: Path, suffixes: frozenset[str] | set[str], below: str = "") -> list[str]:
    """Like `find_videos`, for files with other suffixes (in lower case)."""
    folder = root / below
    if not folder.is_dir():
        return []
    files = (path for path in walk_files(folder) if path.suffix.lower() in suffixes and path.name[0] != ".")
    return sorted(path.relative_to(root).as_posix() for path in files)


def read_text(path: Path) -> str:
    """Read the text of a list, without a byte-order mark.

    Raises:
        NpvfError: it is not UTF-8, or it contains an unresolved git conflict.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NpvfError(f"{path} cannot be read as UTF-8 text: {error}.") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(_CONFLICT):
            raise NpvfError(f"{path}, line {number}: an unresolved git conflict ({line[:20]!r}). Get the file again.")
    return text


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises NpvfError if it is not valid JSON."""
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise NpvfError(f"{path} is not valid JSON: {error}. Get the file again.") from error


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of a CSV file with a header, cells stripped: (file and line for messages, column -> cell).

    Raises:
        NpvfError: one of `columns` is missing, or a row has not as many cells as the header.
    """
    reader = csv.reader(read_text(path).splitlines())
    header = [name.strip() for name in next(reader, [])]
    if missing := [name for name in columns if name not in header]:
        raise NpvfError(f"{path} has no column {missing[0]!r}; its columns are {', '.join(header)}.")
    for cells in reader:
        where = f"{path.name}, line {reader.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise NpvfError(f"{where}: {len(cells)} cells under {len(header)} columns. Get the file again.")
        yield where, dict(zip(header, (cell.strip() for cell in cells), strict=True))
