"""`push_to_hub` with a hub that is a folder: what is uploaded can be loaded by its id."""

from __future__ import annotations

import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalTokenNotFoundError

import npvf
from npvf.errors import NpvfError


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for the hub; a repository is a folder in it."""

    class FakeApi:
        def __init__(self, token: str | None = None) -> None:
            assert token == "secret"

        def create_repo(self, repo_id: str, private: bool | None, exist_ok: bool) -> str:
            assert private and exist_ok
            if repo_id == "somebody/else":
                raise LocalTokenNotFoundError("log in first")
            (tmp_path / repo_id).mkdir(parents=True, exist_ok=True)
            return f"https://hub.example/{repo_id}"

        def upload_folder(self, repo_id: str, folder_path: Path, commit_message: str) -> None:
            shutil.copytree(folder_path, tmp_path / repo_id, dirs_exist_ok=True)

    monkeypatch.setattr(huggingface_hub, "HfApi", FakeApi)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda repo_id, **_: str(tmp_path / repo_id))
    return tmp_path


def test_a_detector_goes_to_the_hub_and_comes_back(hub: Path) -> None:
    detector = npvf.from_pretrained()
    assert detector.push_to_hub("me/mine", private=True, token="secret") == "https://hub.example/me/mine"
    page = (hub / "me" / "mine" / "README.md").read_text()
    assert page.startswith("---\nlibrary_name: npvf") and "# mine" in page and 'from_pretrained("me/mine")' in page
    again = npvf.from_pretrained("me/mine")
    assert type(again) is type(detector) and again.settings == detector.settings
    assert set(again.parts) == set(detector.parts)  # type: ignore[attr-defined]


def test_a_network_goes_to_the_hub_and_comes_back(hub: Path) -> None:
    model = npvf.create_model("mouth_motion", pretrained=True)
    model.push_to_hub("me/network", private=True, token="secret")
    again = type(model).from_pretrained("me/network")
    assert torch.equal(again.weights_S, model.weights_S)


def test_what_the_hub_refuses_is_an_error(hub: Path) -> None:
    with pytest.raises(NpvfError, match="somebody/else cannot be uploaded: log in first"):
        npvf.create_model("mouth_motion").push_to_hub("somebody/else", private=True, token="secret")
