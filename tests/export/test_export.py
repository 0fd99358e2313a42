"""Exported networks give the results of the original, at other sizes than they were traced with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from npvf.cli.main import main
from npvf.errors import NpvfError
from npvf.export.networks import network_of, networks_of
from npvf.export.portable_motion import PortableMouthMotion, inverse_normal
from npvf.models.pretrained import create_model


def test_mouth_motion_in_operations_that_onnx_has() -> None:
    model = create_model("mouth_motion", pretrained=True)
    knots_SK, generator = model.knots_SK, torch.Generator().manual_seed(0)
    values_NS = knots_SK[:, torch.randint(0, knots_SK.shape[1], (200,), generator=generator)].T
    values_NS = values_NS + 0.3 * torch.randn(values_NS.shape, generator=generator) * knots_SK.std(1)
    values_NS[5, 13] = values_NS[6, 12:] = torch.nan
    values_NS[7] = knots_SK[:, 4]  # exactly on a quantile
    parts = values_NS[:, :12], values_NS[:, 12:]
    torch.testing.assert_close(PortableMouthMotion(model)(*parts), model(*parts), rtol=0, atol=2e-5)


def test_the_inverse_normal_is_that_of_torch() -> None:
    p = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)
    torch.testing.assert_close(inverse_normal(p), torch.special.ndtri(p), rtol=0, atol=1e-8)


def test_what_cannot_be_exported_says_why() -> None:
    for name, why in (("conv_two_tower", "for any length"), ("stddl_nano", "mesh of landmarks")):
        with pytest.raises(NpvfError, match=why):
            network_of(create_model(name), "x")


def test_the_networks_of_the_shipped_detector_describe_their_inputs() -> None:
    networks = {network.name: network for network in networks_of()}
    assert set(networks) == {"mouth_motion", "sound_and_lips"}
    described = networks["sound_and_lips"].describe()["inputs"]
    assert described["geometry"]["shape"] == ["batch", "frames", 64, 2]
    assert described["posteriors"]["shape"][:2] == ["batch", "2*frames"]
    assert "agreement" in networks["mouth_motion"].inputs


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["onnx", "torch"])
def test_the_shipped_detector_through_another_run_time(
    file_format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if file_format == "onnx":
        for package in ("onnx", "onnxscript", "onnxruntime"):
            pytest.importorskip(package, reason="the extra `export` is not installed")
    assert main(["export", "people-v1", "-o", str(tmp_path), "--format", file_format, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed) == 2 and all(one["largest_difference"] <= 1e-4 and one["bytes"] > 10_000 for one in printed)
    assert set(json.loads((tmp_path / "preprocessing.json").read_text())["networks"]) == {
        "mouth_motion",
        "sound_and_lips",
    }
    if file_format == "torch":
        return
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "sound_and_lips.onnx")
    network = next(one for one in networks_of() if one.name == "sound_and_lips")
    inputs = network.examples(4, 31, seed=9)
    with torch.no_grad():
        wanted = network.module(*inputs)
    found = session.run(None, dict(zip(network.inputs, (x.numpy() for x in inputs), strict=True)))
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), atol=1e-4)
