"""`load_detector`: any folder that judges videos, whichever method is in it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from npvf.detect.detector import Detector
from npvf.detect.fused import JointDetector
from npvf.detect.fusion import Fusion
from npvf.detect.localizer import Localizer
from npvf.errors import NpvfError
from npvf.io.files import write_json
from npvf.models.pretrained import CONFIG_FILE, read_config, resolve_folder
from npvf.version import __version__

AnyDetector = Detector | JointDetector
SPEECH, PICTURE = "speech", "picture"  # the parts of a fused folder


def load_detector(folder: str | Path, device: str = "cpu") -> AnyDetector:
    """A detector of speech, a localizer, or both, fused: what `npvf detect --detector` opens.

    Args:
        folder: as fine-tuning or `npvf fuse` wrote it, or a hub repository's id.
        device: for its networks.

    Raises:
        NpvfError: there is none, or it holds only an encoder.
    """
    path = detector_folder(folder)
    content = read_config(path)
    if "fusion" in content:
        speech = Detector.from_pretrained(path / SPEECH, device)
        localizer = Localizer.from_pretrained(path / PICTURE, device)
        return JointDetector(localizer, speech, Fusion.from_json(content["fusion"]))
    if "localizer" in content:
        return JointDetector(Localizer.from_pretrained(path, device))
    return Detector.from_pretrained(path, device)


def detector_folder(folder: str | Path) -> Path:
    """A local folder that `load_detector` opens, or a hub repository's id downloaded. Raises NpvfError: neither."""
    path = Path(folder)
    if (path / CONFIG_FILE).is_file() and "fusion" in read_config(path):
        return path  # the weights lie in its parts
    return resolve_folder(folder)


def save_fused(
    fusion: Fusion, detector: str | Path, localizer: str | Path, folder: Path, fitted_on: dict[str, Any]
) -> Path:
    """Write a folder that needs nothing else: copies of both parts' folders, and the fusion. `fitted_on` is for people.

    Raises:
        NpvfError: `folder` holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise NpvfError(f"{folder} is not empty: remove it, or name another folder with --out")
    for name, part in ((SPEECH, detector), (PICTURE, localizer)):
        shutil.copytree(resolve_folder(part), folder / name)
    write_json(folder / CONFIG_FILE, {"fusion": fusion.to_json(), "fitted_on": fitted_on, "npvf": __version__})
    return folder
