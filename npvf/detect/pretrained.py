"""`npvf.from_pretrained`: load what npvf saved, of any family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from npvf.detect import loading
from npvf.errors import NpvfError
from npvf.models.pretrained import PretrainedModel, read_config


def from_pretrained(name_or_folder: str | Path | None = None, device: str = "cpu", **overrides: Any) -> Any:
    """Load a detector, a localizer, a baseline, an encoder, or another network.

    Args:
        name_or_folder: the name of shipped weights (`npvf models list`); a folder that npvf wrote; the id of a
            repository of the hub; or the name of a baseline that is not trained. None: the default detector of npvf.
        device: the device for its networks.
        overrides: settings of a predictor that replace those of the folder, such as `threshold=0.7`.

    Returns:
        A `Predictor` if it judges videos, else the network (`PretrainedModel`): an encoder, for example.

    Raises:
        NpvfError: the folder or repository does not exist or contains something else, or a setting is unknown.

    Examples:
        >>> type(from_pretrained()).__name__
        'Detector'
    """
    if str(name_or_folder) in loading.UNTRAINED:
        return loading.from_pretrained(name_or_folder, device, **overrides)
    folder = loading.named_folder(name_or_folder)
    if read_config(folder).keys() & loading.FOLDERS.keys():
        return loading.predictor_in(folder, device, **overrides)
    if overrides:
        raise NpvfError(f"{name_or_folder} is a network alone, which has no setting {next(iter(overrides))!r}")
    return PretrainedModel.from_pretrained(folder).to(device)
