"""`create_model`, and a model as a folder, `config.json` and `model.safetensors`: what every family shares."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from safetensors.torch import load_file, save_file
from torch import nn

from npvf.errors import NpvfError
from npvf.models.config import FAMILIES, ModelConfig, import_families
from npvf.models.hub import upload
from npvf.models.registry import model_config
from npvf.weights import folders_of, shipped_folder, shipped_models

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
FIRST_FAMILY = "npv"  # folders from before there was another do not name it


class PretrainedModel(nn.Module):
    """A network that knows its configuration. `cls.create` and `cls.from_pretrained` give a `cls`, or say what it is.

    Called on `PretrainedModel` itself, both give a model of any family.
    """

    config: ModelConfig

    @classmethod
    def create(
        cls, name: str, pretrained: bool = False, backbone_pretrained: bool | str = False, **overrides: Any
    ) -> Self:
        """`create_model`, for callers that need one family and pass on what people wrote in a configuration file.

        Raises:
            NpvfError: the name is another family's or nobody's, or its network cannot be made as it is asked for.
        """
        try:
            model = create_model(name, pretrained, backbone_pretrained, **overrides)
        except ValueError as error:
            raise NpvfError(f"the model {name} cannot be made so: {error}") from error
        return cls._checked(model, f"the model {name}")

    def save_pretrained(self, folder: str | Path, extra: dict[str, Any] | None = None) -> Path:
        """Write `config.json` and `model.safetensors`; `extra` goes into the configuration file beside "model"."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({k: v.contiguous() for k, v in self.state_dict().items()}, folder / WEIGHTS_FILE)
        content = {"family": self.config.family, "model": self.config.to_json(), **(extra or {})}
        (folder / CONFIG_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        return folder

    def push_to_hub(
        self, repo_id: str, private: bool | None = None, token: str | None = None, message: str | None = None
    ) -> str:
        """Save into a temporary folder and upload it; return the repository's address (`npvf.models.hub.upload`)."""
        with TemporaryDirectory() as folder:
            return upload(self.save_pretrained(folder), repo_id, private, token, message)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Load what `save_pretrained` wrote, shipped weights by their name, or a hub repository's id.

        Raises:
            NpvfError: there is none, or it is another family's.
        """
        folder = resolve_folder(folder)
        model = cls._checked(_saved_config(folder).build(), str(folder))
        model.load_state_dict(load_file(folder / WEIGHTS_FILE))
        return model.eval()

    @classmethod
    def _checked(cls, model: nn.Module, where: str) -> Self:
        if not isinstance(model, cls):
            raise NpvfError(f"{where} is {type(model).__name__}, and {cls.__name__} is needed here")
        return model


def create_model(
    name: str, pretrained: bool = False, backbone_pretrained: bool | str = False, **overrides: Any
) -> PretrainedModel:
    """Build a model by name; its configuration knows the class.

    Args:
        name: one of `list_models()`.
        pretrained: load the weights that npvf ships for it, with the configuration that they were trained with.
        backbone_pretrained: start its backbones from ImageNet weights, the rest at random: True takes timm's from the
            hub; ST-DDL also takes a file that `npvf models import-weights` wrote.
        overrides: fields of its configuration (`NPVConfig`, `STDDLConfig`); a field of one of its parts is written
            with two underscores, `inputs__gate="all"`. None leaves the default.

    Raises:
        ValueError: an unknown name or field; `pretrained`, and npvf ships no weights for the model, or they do not fit
            the overrides.

    Examples:
        >>> model = create_model("npv_nano", inputs__gate="all")
        >>> type(model).__name__, model.config.inputs.gate
        ('NPV', 'all')
    """
    config = model_config(name)
    if pretrained:
        if backbone_pretrained:
            raise ValueError("give pretrained or backbone_pretrained: the shipped weights include the backbones")
        return _with_shipped_weights(name, overrides)
    model = config.configured(**overrides).build(backbone_pretrained)
    assert isinstance(model, PretrainedModel)  # as every registered configuration promises
    return model


def _with_shipped_weights(name: str, overrides: dict[str, Any]) -> PretrainedModel:
    folders = folders_of(name)
    if not folders:
        there = ", ".join(shipped_models()) or "no model"
        raise ValueError(f"npvf ships no weights for {name}: there are weights for {there}")
    model = _saved_config(folders[0]).configured(**overrides).build()
    assert isinstance(model, PretrainedModel)
    try:
        model.load_state_dict(load_file(folders[0] / WEIGHTS_FILE))
    except RuntimeError as error:  # what load_state_dict raises for weights of another shape
        raise ValueError(f"the shipped weights of {name} do not fit {overrides}: {error}") from error
    return model.eval()


def _saved_config(folder: Path) -> ModelConfig:
    content = read_config(folder)
    family = content.get("family", FIRST_FAMILY)
    import_families(family)
    if family not in FAMILIES:
        raise NpvfError(f"{folder} has a model of the unknown family {family!r}: upgrade npvf, or check {CONFIG_FILE}")
    return FAMILIES[family].from_json(content["model"])


def read_config(folder: str | Path) -> dict[str, Any]:
    """Read `config.json`: "family", "model", and everything else that was saved with them."""
    return json.loads((Path(folder) / CONFIG_FILE).read_text(encoding="utf-8"))


def resolve_folder(folder: str | Path) -> Path:
    """A folder of shipped weights by its name, a local folder, or a hub repository's id downloaded to the hub's cache.

    Write "./" before the name of a local folder that has the same name as shipped weights.

    Raises:
        NpvfError: there is none of these.
    """
    path = shipped_folder(folder) or Path(folder)
    if _holds_model(path):
        return path
    if path.is_dir() and (inside := sorted(part.name for part in path.iterdir() if _holds_model(part))):
        raise NpvfError(f"{folder} holds several models, and one is asked for: name {' or '.join(inside)} in it")
    if path.exists() or str(folder).count("/") != 1:
        raise NpvfError(
            f"{folder} holds no model: {CONFIG_FILE} and {WEIGHTS_FILE} are needed, as training writes them"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(str(folder), allow_patterns=["*.json", "*.safetensors", "*.md"]))
    except (HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError, OSError) as error:
        raise NpvfError(f"{folder} is not a model folder, and cannot be read from the hub: {error}") from error


def _holds_model(path: Path) -> bool:
    return (path / CONFIG_FILE).is_file() and (path / WEIGHTS_FILE).is_file()
