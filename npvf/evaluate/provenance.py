"""Everything that a result depends on: versions, and hashes of the corpus, of the videos chosen and of the weights."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from npvf.detect.loading import detector_folder
from npvf.evaluate.video_scores import Row
from npvf.io.corpus import DATASET, MANIFEST, Corpus
from npvf.io.files import sha256
from npvf.models.pretrained import CONFIG_FILE
from npvf.version import __version__

# Of what has a say in decoding, in scores and in metrics.
PACKAGES = ("torch", "torchvision", "torchaudio", "timm", "numpy", "scipy", "av", "opencv-contrib-python", "mediapipe")


def provenance(corpus: Corpus, rows: Sequence[Row], model: str | None) -> dict[str, Any]:
    """What a run of an evaluation rests on.

    `corpus.manifest_sha256` changes with any video, label or refusal; `videos.sha256` is of the names, labels and
    contents of the videos that the selection kept, whatever their order; `model` holds a hash for each of its files.
    """
    return {
        "versions": {"python": platform.python_version(), "npvf": __version__, **_versions()},
        "platform": platform.platform(),
        "corpus": {
            "folder": str(corpus.folder),
            "manifest_sha256": sha256(corpus.folder / MANIFEST),
            "dataset_sha256": sha256(corpus.folder / DATASET),
            "prepared_with": corpus.dataset.get("versions", {}),
        },
        "videos": {"count": len(rows), "sha256": videos_hash(rows)},
        "model": None if model is None else model_hashes(model),
    }


def videos_hash(rows: Sequence[Row]) -> str:
    """One hash for a set of labelled videos: two runs of the same one are on the same split."""
    lines = sorted(f"{row.video}\t{row.label}\t{row.sha256 or ''}\n" for row in rows)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def model_hashes(folder: str | Path) -> dict[str, str]:
    """The hashes of a model folder's configurations and weights, by file name."""
    found = detector_folder(folder)
    files = [*sorted(found.rglob(CONFIG_FILE)), *sorted(found.rglob("*.safetensors"))]
    return {"folder": str(folder), **{file.relative_to(found).as_posix(): sha256(file) for file in files}}


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
