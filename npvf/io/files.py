"""Read and write files. Writing is atomic: if the process is killed, a file is either complete or absent."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from npvf.errors import NpvfError
from npvf.io.urls import Place, open_url, read_bytes, url_hash

TEMPORARY = ".tmp"


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that gets its final name only after it is complete and on the disk."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write one JSON value, indented."""
    with atomic_write(path) as file:
        file.write(json.dumps(content, indent=2).encode() + b"\n")


def write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write JSON lines."""
    with atomic_write(path) as file:
        for line in lines:
            file.write(json.dumps(line).encode() + b"\n")


def read_json(place: Place) -> Any:
    """Read a JSON file."""
    return json.loads(place.read_bytes() if isinstance(place, Path) else read_bytes(place))


def read_lines(path: Place) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return list(iter_lines(path))


def iter_lines(path: Place) -> Iterator[dict[str, Any]]:
    """Read JSON lines one at a time: a manifest can be larger than memory should hold."""
    with open_place(path) as file:
        yield from map(json.loads, file)


def open_place(place: Place) -> BinaryIO:
    """Open a local file or a URL to read it."""
    return place.open("rb") if isinstance(place, Path) else open_url(place)


def stamp(path: Path) -> tuple[int, int] | tuple[None, None]:
    """Return size in bytes and modification time in ns. A folder counts its files.

    Both are None for a file that is missing or cannot be reached: no permission, a link to itself.
    """
    try:
        stats = [file.stat() for file in _files(path)]
    except OSError:
        return None, None
    return sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0)


def sha256(path: Place) -> str:
    """Hash the content of a file or URL, or the concatenated contents of the files in a folder."""
    if not isinstance(path, Path):
        return url_hash(path)
    if path.is_dir():
        digest = hashlib.sha256()
        for part in _files(path):
            digest.update(part.read_bytes())
        return digest.hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]


def config_path(name: str) -> Path:
    """Find a configuration file: beside the package in a checkout, inside the package if it is installed."""
    package = Path(__file__).resolve().parents[1]
    for root in (package / "configs", package.parent / "configs"):
        if (root / name).is_file():
            return root / name
    raise NpvfError(f"the configuration {name} is not installed: reinstall npvf, or run from a checkout")
