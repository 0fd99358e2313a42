"""Weights inside the package: each folder beside this file can be opened by its name, without a download.

A folder holds what `save_pretrained` writes: `config.json`, `model.safetensors` and the model card, `card.md`. A
detector of several parts has a folder for each part, which can be named too ("people-v1/sound_and_lips").
docs/models.md describes how to choose, and what a folder must fulfil to be shipped.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from npvf.errors import NpvfError

__all__ = [
    "DEFAULT",
    "Shipped",
    "default_folder",
    "folders_of",
    "shipped",
    "shipped_folder",
    "shipped_models",
]

FOLDER = Path(str(files(__name__)))
DEFAULT = "people-v1"
"""The detector that is used where none is named."""
MAX_BYTES = 15_000_000
"""The wheel stays small: all folders together are not larger than this."""
CONFIG, CARD, WEIGHTS = "config.json", "card.md", "*.safetensors"
# A key of config.json, and what the folder then holds.
_KINDS = {
    "findings": "detector",
    "fusion": "detector",
    "detector": "detector",
    "mouth_motion": "detector",
    "frames": "detector",
    "localizer": "localizer",
}


@dataclass(frozen=True)
class Shipped:
    """One folder of weights in the package."""

    name: str
    folder: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """The content of `config.json`."""
        return json.loads((self.folder / CONFIG).read_text(encoding="utf-8"))

    @property
    def kind(self) -> str:
        """Return "detector", "localizer", or "encoder"."""
        return next((kind for key, kind in _KINDS.items() if key in self.config), "encoder")

    @property
    def summary(self) -> str:
        """The sentence of the model card that says what it is; "" if it has no card."""
        return self.config.get("card", {}).get("summary", "")

    @property
    def card(self) -> Path:
        """The path of the model card."""
        return self.folder / CARD

    @property
    def size(self) -> int:
        """The size of all files, in bytes."""
        return sum(file.stat().st_size for file in self._files())

    @property
    def sha256(self) -> str:
        """One hash for configurations and weights: of the names and hashes of the files, as `sha256sum` prints them."""
        files = [file for file in self._files() if file.match(WEIGHTS) or file.name == CONFIG]
        lines = (
            f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(self.folder).as_posix()}\n"
            for file in files
        )
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def _files(self) -> list[Path]:
        return sorted(file for file in self.folder.rglob("*") if file.is_file())


def shipped() -> list[Shipped]:
    """Return the folders of weights in the package, the default one first."""
    found = [Shipped(path.name, path) for path in sorted(FOLDER.iterdir()) if (path / CONFIG).is_file()]
    return sorted(found, key=lambda one: one.name != DEFAULT)


def shipped_folder(name: str | Path) -> Path | None:
    """Return the folder of shipped weights by its name, or of a part of it; None if no shipped weights are called so.

    "./people-v1" is not such a name but a folder in the current folder.

    Raises:
        NpvfError: there are such weights, but they have no such part.
    """
    first, *parts = str(name).split("/")
    if first not in {one.name for one in shipped()}:
        return None
    folder = FOLDER.joinpath(first, *parts)
    if not (folder / CONFIG).is_file():
        inside = ", ".join(sorted(path.parent.name for path in (FOLDER / first).glob(f"*/{CONFIG}"))) or "none"
        raise NpvfError(f"{first} has no part {'/'.join(parts)}; its parts are: {inside}")
    return folder


def default_folder() -> Path:
    """Return the folder of the detector that is used where none is named.

    Raises:
        NpvfError: this copy of npvf has no weights.
    """
    folder = shipped_folder(DEFAULT)
    if folder is None:
        raise NpvfError(
            "this copy of npvf contains no trained detector: name the folder of one that you trained "
            "(--detector DIR, or from_pretrained(DIR)); `npvf finetune` and `npvf demo` write such folders"
        )
    return folder


def folders_of(model: str) -> list[Path]:
    """Return the shipped folders whose network is the registered model `model`, the best start for training first.

    An encoder comes before a part of a detector, and the default detector before others.
    """
    found = [(one.kind != "encoder", path.parent) for one in shipped() for path in sorted(one.folder.rglob(CONFIG))]
    return [folder for _, folder in sorted(found, key=lambda item: item[0]) if _model_name(folder) == model]


def shipped_models() -> list[str]:
    """Return the registered models that have shipped weights."""
    names = {_model_name(path.parent) for one in shipped() for path in one.folder.rglob(CONFIG)}
    return sorted(name for name in names if name)


def _model_name(folder: Path) -> str | None:
    """Return the registered name of the network in a folder; None if the folder only joins other folders."""
    return json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("model", {}).get("name")
