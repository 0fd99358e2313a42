"""ImageNet initialisation, on a weights file as timm distributes them; its values are made here."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import timm
import torch
from timm.models import SwinTransformer
from torch.testing import assert_close

from npvf.models.npv.tower_spec import TowerSpec
from npvf.models.npv.towers import AudioTower, VisualTower

NAME = "swin_tiny_patch4_window7_224"
SPEC = TowerSpec(timm_name=NAME, drop_path=0.0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A whole Swin-T at 224 px, classifier included; biases and tables too are off their initial values."""
    torch.manual_seed(0)
    swin = timm.create_model(NAME)
    for parameter in swin.parameters():
        if parameter.ndim == 1:
            parameter.data.normal_(float(parameter.data.mean()), 0.1)
    path = tmp_path_factory.mktemp("hub") / "model.pth"
    torch.save(swin.state_dict(), path)
    return path


@pytest.fixture
def plain(weights, monkeypatch):
    """timm finds the file in place of the hub's; gives timm's own model with these weights."""
    create = partial(timm.create_model, pretrained_cfg_overlay={"file": str(weights)})
    monkeypatch.setattr("timm.create_model", create)

    def build(**options) -> SwinTransformer:
        return create(NAME, pretrained=True, num_classes=0, **options).eval()

    return build


@pytest.mark.slow
@pytest.mark.parametrize("size", [224, 112])
@pytest.mark.parametrize("position", ["after_attention", "after_mlp", "before_block"])
def test_pictures_start_as_timms_swin(plain, size, position):
    tower = VisualTower(replace(SPEC, lfa_position=position), size, 3, 8, backbone_pretrained=True).eval()
    picture = torch.rand(1, 3, size, size)
    assert_close(tower.swin.forward_features(picture), plain(img_size=size).forward_features(picture))


@pytest.mark.slow
def test_gray_pictures_sum_the_colours(plain):
    tower = VisualTower(SPEC, 112, 1, 8, backbone_pretrained=True).eval()
    gray = torch.rand(1, 1, 112, 112)
    expected = plain(img_size=112).forward_features(gray.expand(-1, 3, -1, -1))
    assert_close(tower.swin.forward_features(gray), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_sound_starts_as_timms_swin_up_to_the_first_merging(plain):
    """From there on sound keeps its rows of time, so that only what happens within a stage can be the same."""
    tower = AudioTower(SPEC, 64, 8, backbone_pretrained=True).eval()
    reference = plain(in_chans=1, img_size=(96, 64))
    mel = torch.randn(1, 1, 96, 64)
    grid = tower.swin.patch_embed(mel)
    assert_close(tower.swin.layers[0](grid), reference.layers[0](reference.patch_embed(mel)))


@pytest.mark.slow
def test_lfa_leaves_the_sound_tower_unchanged(plain):
    without, with_lfa = (
        AudioTower(replace(SPEC, lfa=lfa), 64, 8, backbone_pretrained=True).eval() for lfa in (False, True)
    )
    mel = torch.randn(1, 1, 120, 64)
    assert_close(with_lfa.swin.forward_features(mel), without.swin.forward_features(mel))


@pytest.mark.slow
def test_every_weight_of_the_sound_tower_comes_from_the_file(plain):
    """Later stages too: their windows keep seven rows, and what was learnt for neighbours in time stays as it is."""
    tower = AudioTower(replace(SPEC, lfa=False), 64, 8, backbone_pretrained=True)
    reference = plain()
    for stage, learnt in zip(tower.swin.layers, reference.layers, strict=True):
        for block, original in zip(stage.blocks, learnt.blocks, strict=True):
            assert torch.equal(block.mlp.fc1.weight, original.mlp.fc1.weight)
            assert torch.equal(block.attn.qkv.weight, original.attn.qkv.weight)
            assert block.window_size[0] == 7
    first, original = (s.layers[1].blocks[0].attn.relative_position_bias_table for s in (tower.swin, reference))
    assert_close(first, original)
