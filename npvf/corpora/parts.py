"""Read a file that assigns videos to the parts of a split."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from npvf.corpora.splits import read_split
from npvf.errors import NpvfError


def read_parts(path: Path) -> dict[str, str]:
    """Read video -> part from a file of `npvf corpora split`, from JSON `{"train": [videos], ...}`, or from a CSV.

    Raises:
        NpvfError: the file is none of these, or assigns one video to two parts.
    """
    if not path.is_file():
        raise NpvfError(f"{path} does not exist")
    try:
        pairs = _from_csv(path) if path.suffix.lower() == ".csv" else _from_json(path)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NpvfError(
            f'{path} is not a split file: expected JSON {{"part": [videos]}}, or CSV with "path" and "split"'
        ) from error
    parts: dict[str, str] = {}
    for video, part in pairs:
        if parts.setdefault(video, part) != part:
            raise NpvfError(f"{path} assigns {video} to both {parts[video]} and {part}")
    return parts


def _from_csv(path: Path) -> list[tuple[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [(row["path"], row["split"]) for row in csv.DictReader(file) if row["split"]]


def _from_json(path: Path) -> list[tuple[str, str]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if "hash" in content:
        content = read_split(path).parts
    return [(video, part) for part, videos in content.items() for video in videos]
