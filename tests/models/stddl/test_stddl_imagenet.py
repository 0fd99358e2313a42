"""ImageNet initialisation of the encoders, on a weights file as timm distributes them; its values are made here."""

from functools import partial
from pathlib import Path

import pytest
import timm
import torch
from torch.testing import assert_close

from npvf.models.stddl.hrnet import HRNetEncoder, HRNetSpec

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


@torch.no_grad()
def test_pictures_start_as_timms_hrnet(plain):
    encoder = HRNetEncoder(HRNetSpec(NAME), 3, 16, pretrained=True).eval()
    picture = torch.randn(1, 3, 64, 64)
    assert_close(encoder.hrnet(picture)[0], plain.stages(plain.act2(plain.bn2(plain.conv2(stem(plain, picture)))))[0])


@torch.no_grad()
def test_the_motion_stem_takes_two_colours_at_three_halves(plain):
    encoder = HRNetEncoder(HRNetSpec(NAME), 2, 16, pretrained=True)
    own, learnt = encoder.hrnet.state_dict(), plain.state_dict()
    assert_close(own.pop("conv1.weight"), learnt["conv1.weight"][:, :2] * 1.5)
    assert all(torch.equal(value, learnt[name]) for name, value in own.items() if "num_batches" not in name)


def test_a_width_of_ones_own_has_no_weights():
    with pytest.raises(ValueError, match="no ImageNet weights"):
        HRNetEncoder(HRNetSpec(NAME, width=8), 3, 16, pretrained=True)


def stem(hrnet, picture):
    return hrnet.act1(hrnet.bn1(hrnet.conv1(picture)))
