"""`from_pretrained`: anything that judges videos, by the folder it is kept in or, if it learns nothing, by name.

A new predictor is its own file and one line in one of the two tables. They hold places, not classes: a class is
imported when it is asked for, so the tables may name what lies above this package.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from npvf.detect.predictor import Predictor
from npvf.errors import NpvfError
from npvf.models.pretrained import CONFIG_FILE, read_config, resolve_folder

FOLDERS = {
    "fusion": "npvf.detect.fused:FusedDetector",
    "localizer": "npvf.detect.localizer:Localizer",
    "detector": "npvf.detect.detector:Detector",
    "frames": "npvf.evaluate.baselines.frames:FramePredictor",
}
"""The key of `config.json` under which a predictor keeps its settings, and its class."""

UNTRAINED = {
    "silence": "npvf.evaluate.baselines.silence:SilencePredictor",
    "mouth_energy": "npvf.evaluate.baselines.mouth_energy:MouthEnergyPredictor",
}
"""Baselines that learn nothing, by name."""


def from_pretrained(name_or_folder: str | Path, device: str = "cpu", **overrides: Any) -> Predictor:
    """A detector, a localizer, both fused, or a baseline.

    Args:
        name_or_folder: a folder as fine-tuning or `npvf fuse` writes it, a hub repository's id, or the name of a
            baseline that learns nothing, a key of `UNTRAINED`; `./silence` is a folder.
        device: for its networks.
        overrides: settings in place of the folder's, such as `threshold=0.7`; None leaves one as it is.

    Raises:
        NpvfError: there is no such thing, or it judges nothing, or it has no such setting.
    """
    if str(name_or_folder) in UNTRAINED:
        predictor = _class(UNTRAINED[str(name_or_folder)])()
        predictor.settings = predictor.settings.configured(**overrides)
        return predictor
    try:
        folder = predictor_folder(name_or_folder)
    except NpvfError as error:
        raise NpvfError(f"{error}; baselines that need no folder are {', '.join(UNTRAINED)}") from error
    content = read_config(folder)
    for key, place in FOLDERS.items():
        if key in content:
            return _class(place).from_pretrained(folder, device, **overrides)
    family = content.get("family", "npv")
    raise NpvfError(f"{folder} holds an encoder of the family {family}, which judges nothing: fine-tune it first")


def predictor_folder(folder: str | Path) -> Path:
    """The local folder that `from_pretrained` opens; a hub repository's id is downloaded. Raises NpvfError: neither."""
    path = Path(folder)
    # The weights of a fused one lie in its parts.
    return path if (path / CONFIG_FILE).is_file() and "fusion" in read_config(path) else resolve_folder(folder)


def _class(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
