"""The things beside the video that a verdict depends on: versions on this machine, and hashes of the weights."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from npvf.detect.loading import predictor_folder
from npvf.io.files import sha256
from npvf.models.pretrained import CONFIG_FILE
from npvf.version import __version__

# Packages that can change what is decoded, scored or measured.
PACKAGES = (
    "torch",
    "torchvision",
    "torchaudio",
    "timm",
    "numpy",
    "scipy",
    "av",
    "opencv-contrib-python",
    "ai-edge-litert",
    "mediapipe",
)


def versions() -> dict[str, str]:
    """Return the versions of Python, npvf and the packages that can change a result; others are left out."""
    found = {"python": platform.python_version(), "npvf": __version__}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def model_hashes(folder: str | Path) -> dict[str, str]:
    """Return the SHA-256 of each configuration and weights file of a model's folder, by file name, and `folder`."""
    found = predictor_folder(folder)
    files = [*sorted(found.rglob(CONFIG_FILE)), *sorted(found.rglob("*.safetensors"))]
    return {"folder": str(folder), **{file.relative_to(found).as_posix(): sha256(file) for file in files}}
