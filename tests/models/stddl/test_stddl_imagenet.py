"""ImageNet initialisation of the encoders, on a weights file as timm distributes them; its values are made here."""

from functools import partial
from pathlib import Path

import pytest
import timm
import torch
from torch.testing import assert_close

from npvf.models.stddl.encoder import EncoderSpec, PyramidEncoder

NAME = "hrnet_w18_small"


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A whole HRNet, classifier included; norms too are off their initial values."""
    torch.manual_seed(0)
    hrnet = timm.create_model(NAME)
    for parameter in hrnet.parameters():
        if parameter.ndim == 1:
            parameter.data.normal_(float(parameter.data.mean()), 0.1)
    path = tmp_path_factory.mktemp("hub") / "model.pth"
    torch.save(hrnet.state_dict(), path)
    return path


@pytest.fixture
def plain(weights, monkeypatch):
    """timm finds the file in place of the hub's; gives timm's own model with these weights."""
    create = partial(timm.create_model, pretrained_cfg_overlay={"file": str(weights)})
    monkeypatch.setattr("timm.create_model", create)
    return create(NAME, pretrained=True).eval()


@pytest.mark.slow
@torch.no_grad()
def test_pictures_start_as_timms_hrnet(plain):
    encoder = PyramidEncoder(EncoderSpec(NAME), 3, 16, backbone_pretrained=True).eval()
    picture = torch.randn(1, 3, 64, 64)
    assert_close(encoder.network(picture)[0], plain.stages(plain.act2(plain.bn2(plain.conv2(stem(plain, picture)))))[0])


@torch.no_grad()
def test_the_motion_stem_takes_two_colours_at_three_halves(plain):
    encoder = PyramidEncoder(EncoderSpec(NAME), 2, 16, backbone_pretrained=True)
    own, learnt = encoder.network.state_dict(), plain.state_dict()
    assert_close(own.pop("conv1.weight"), learnt["conv1.weight"][:, :2] * 1.5)
    assert all(torch.equal(value, learnt[name]) for name, value in own.items() if "num_batches" not in name)


def test_a_width_of_ones_own_has_no_weights():
    with pytest.raises(ValueError, match="no ImageNet weights"):
        PyramidEncoder(EncoderSpec(NAME, width=8), 3, 16, backbone_pretrained=True)


@torch.no_grad()
def test_a_file_starts_the_encoder_without_the_hub(weights):
    encoder = PyramidEncoder(EncoderSpec(NAME), 3, 16, backbone_pretrained=str(weights))
    learnt = torch.load(weights, weights_only=True)
    assert torch.equal(encoder.network.conv1.weight, learnt["conv1.weight"])
    with pytest.raises(ValueError, match="import-weights"):
        PyramidEncoder(EncoderSpec(NAME), 3, 16, backbone_pretrained="nowhere.safetensors")


@torch.no_grad()
def test_a_pyramid_reads_the_levels_of_any_network():
    torch.manual_seed(0)
    encoder = PyramidEncoder(EncoderSpec("efficientnet_lite0", (4, 16)), 3, 8).eval()
    picture = torch.randn(2, 3, 64, 96)
    fine, coarse = encoder.network(picture)
    assert (fine.shape[2:], coarse.shape[2:]) == ((16, 24), (4, 6))
    assert_close(encoder(picture), (encoder.reduce[0](fine) + encoder.reduce[1](coarse)).relu())
    assert not any(name.startswith("model.blocks.5") for name in encoder.network.state_dict()), "nothing reads it"


@torch.no_grad()
def test_instance_norms_compare_a_place_with_the_rest_of_its_picture():
    torch.manual_seed(0)
    encoder = PyramidEncoder(EncoderSpec("efficientnet_lite0", (4,), "instance"), 3, 8)
    features = torch.randn(2, 24, 16, 16)
    assert_close(encoder.reduce[0](3 * features), encoder.reduce[0](features), atol=1e-3, rtol=1e-3)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in encoder.reduce.modules())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (EncoderSpec("efficientnet_lite0", (3,)), "no level of stride 3"),
        (EncoderSpec("efficientnet_lite0", (32,)), "16 is the most"),
        (EncoderSpec("efficientnet_lite0", (4,), width=8), "only an HRNet"),
        (EncoderSpec(NAME, (8,)), "highest resolution"),
    ],
)
def test_levels_that_there_are_not(spec, message):
    with pytest.raises(ValueError, match=message):
        PyramidEncoder(spec, 3, 8)


def stem(hrnet, picture):
    return hrnet.act1(hrnet.bn1(hrnet.conv1(picture)))
