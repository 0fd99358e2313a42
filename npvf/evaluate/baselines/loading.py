"""`load_scorer`: whatever `npvf evaluate --detector` names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from npvf.detect.loading import load_detector
from npvf.errors import NpvfError
from npvf.evaluate.baselines.frames import FrameScorer
from npvf.evaluate.baselines.mouth_energy import MouthEnergyScorer
from npvf.evaluate.baselines.silence import SilenceScorer
from npvf.evaluate.detection import Scorer
from npvf.models.frame_classifier import FrameClassifierConfig
from npvf.models.pretrained import CONFIG_FILE, read_config, resolve_folder

UNTRAINED: dict[str, Callable[[], Scorer]] = {"silence": SilenceScorer, "mouth_energy": MouthEnergyScorer}
"""Baselines that learn nothing, by name."""


def load_scorer(name_or_folder: str | Path, device: str = "cpu") -> Scorer:
    """A baseline by its name, or a folder: a detector, a localizer, both fused, or a frame classifier.

    Args:
        name_or_folder: a key of `UNTRAINED`, a folder or a hub repository's id. `./silence` is a folder.
        device: for its network.

    Raises:
        NpvfError: there is no such thing, or it judges nothing.
    """
    if str(name_or_folder) in UNTRAINED:
        return UNTRAINED[str(name_or_folder)]()
    folder = Path(name_or_folder)
    if not (folder / CONFIG_FILE).is_file():
        try:
            folder = resolve_folder(name_or_folder)
        except NpvfError as error:
            raise NpvfError(f"{error}; baselines that need no folder are {', '.join(UNTRAINED)}") from error
    if read_config(folder).get("family") == FrameClassifierConfig.family:
        return FrameScorer.from_pretrained(folder, device)
    return load_detector(folder, device)
