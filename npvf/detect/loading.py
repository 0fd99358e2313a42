"""`from_pretrained`: load any predictor from its folder, or by its name if it is not trained.

A new predictor is its own file and one line in one of the two tables. The tables contain import paths, not classes. A
class is imported when it is loaded, so the tables may name classes of packages that import this one.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from npvf.detect.predictor import Predictor
from npvf.errors import NpvfError
from npvf.models.pretrained import CONFIG_FILE, read_config, resolve_folder
from npvf.weights import default_folder, shipped, shipped_folder

FOLDERS = {
    "findings": "npvf.detect.detector:Detector",
    "fusion": "npvf.detect.fused:FusedDetector",
    "localizer": "npvf.detect.localizer:Localizer",
    "detector": "npvf.detect.speech_detector:SpeechDetector",
    "mouth_motion": "npvf.detect.mouth_motion:MouthMotionDetector",
    "frames": "npvf.evaluate.baselines.frames:FramePredictor",
}
"""The key of `config.json` that contains the settings of a predictor, and its class."""

OF_PARTS = frozenset({"findings", "fusion"})
"""The keys of predictors that consist of others: their weights are in the folders of the parts."""

MADE_BY = {"mouth_motion": "npvf motion makes one"}
"""How to make a predictor that fine-tuning does not make, by its key."""

UNTRAINED = {
    "silence": "npvf.evaluate.baselines.silence:SilencePredictor",
    "mouth_energy": "npvf.evaluate.baselines.mouth_energy:MouthEnergyPredictor",
}
"""Baselines that are not trained, by name."""


def from_pretrained(name_or_folder: str | Path | None = None, device: str = "cpu", **overrides: Any) -> Predictor:
    """Load a detector of any kind, a localizer, or a baseline.

    Args:
        name_or_folder: the name of shipped weights (`npvf models list`); a folder that fine-tuning or `npvf fuse`
            wrote; the id of a repository of the hub; or the name of a baseline that is not trained (a key of
            `UNTRAINED`). To load a folder of such a name, write `./silence`. None: the default detector of npvf.
        device: the device for its networks.
        overrides: settings that replace those of the folder, such as `threshold=0.7`; None keeps a setting.

    Raises:
        NpvfError: the folder or repository does not exist or does not contain a predictor, or a setting is unknown.
    """
    if str(name_or_folder) in UNTRAINED:
        predictor = _class(UNTRAINED[str(name_or_folder)])()
        predictor.settings = predictor.settings.configured(**overrides)
        return predictor
    return predictor_in(named_folder(name_or_folder), device, **overrides)


def named_folder(name_or_folder: str | Path | None) -> Path:
    """Return `predictor_folder`, with an error that also lists the names that need no folder."""
    try:
        return predictor_folder(name_or_folder)
    except NpvfError as error:
        names = ", ".join([*(one.name for one in shipped()), *UNTRAINED])
        raise NpvfError(f"{error}; names that need no folder are {names}") from error


def predictor_in(folder: Path, device: str = "cpu", **overrides: Any) -> Predictor:
    """Load the predictor of a local folder. Raises NpvfError if there is none, or if a setting is unknown."""
    content = read_config(folder)
    for key, place in FOLDERS.items():
        if key in content:
            predictor = _class(place).from_pretrained(folder, device, **overrides)
            predictor.folder = folder
            return predictor
    family = content.get("family", "npv")
    raise NpvfError(f"{folder} holds an encoder ({family}), which cannot judge videos: fine-tune it first")


def predictor_folder(folder: str | Path | None = None) -> Path:
    """Return the local folder that `from_pretrained` opens; a repository of the hub, given by its id, is downloaded.

    Raises:
        NpvfError: there is no such folder or repository; or none is named, and npvf has no default detector.
    """
    if folder is None:
        return default_folder()
    path = shipped_folder(folder) or Path(folder)
    # `resolve_folder` expects weights in the folder itself. A predictor that has parts has them in its parts.
    if (path / CONFIG_FILE).is_file() and read_config(path).keys() & OF_PARTS:
        return path
    return resolve_folder(folder)


def folder_with(key: str, folder: str | Path | None = None) -> Path:
    """Return the local folder of a predictor whose settings have this key; `folder` is as in `predictor_folder`.

    Raises:
        NpvfError: there is no such folder or repository, or it contains something else.
    """
    path = predictor_folder(folder)
    content = read_config(path)
    if key in content:
        return path
    held = next((FOLDERS[other].partition(":")[2] for other in FOLDERS if other in content), None)
    wanted = FOLDERS[key].partition(":")[2]
    if held is None:
        how = MADE_BY.get(key, "fine-tune it first")
        raise NpvfError(f"{folder} holds an encoder, which cannot judge videos, not a {wanted}: {how}")
    raise NpvfError(
        f"{folder} holds a {held}, not a {wanted}: {held}.from_pretrained opens it; npvf.from_pretrained opens any"
    )


def _class(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
