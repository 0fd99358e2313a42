import pytest
import torch
from torch.testing import assert_close

from npvf import create_model
from npvf.models import InputSpec
from npvf.models.npv.person_free import GeometryTokens, JoinedTower, PhoneTokens
from tests.helpers.tiny_model import synthetic_batch


@torch.no_grad()
def test_a_mouth_at_rest_and_its_place_say_nothing():
    tokens = GeometryTokens(8, 12)
    geometry = torch.randn(2, 10, 8, 2)
    valid = torch.ones(2, 10, dtype=torch.bool)
    assert_close(tokens(geometry + torch.randn(2, 1, 8, 2), valid), tokens(geometry, valid), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_padding_has_no_say_in_the_mean():
    tokens = GeometryTokens(8, 12)
    geometry = torch.randn(1, 10, 8, 2)
    padded = torch.cat([geometry, 100 + torch.randn(1, 5, 8, 2)], dim=1)
    valid = torch.arange(15)[None] < 10
    assert_close(tokens(padded, valid)[:, :10], tokens(geometry, valid[:, :10]), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_phone_token_sees_both_halves_of_its_video_frame_and_no_other():
    tokens = PhoneTokens(5, 12)
    posteriors = torch.randint(0, 256, (1, 8, 5), dtype=torch.uint8)
    changed = posteriors.clone()
    changed[:, 5] = 255 - changed[:, 5]
    differs_T = (tokens(posteriors) != tokens(changed)).any(-1)[0]
    assert differs_T.tolist() == [False, False, True, False]


class _Pixels(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.temporal = torch.nn.Identity()

    def tokens(self, x):
        return x


def test_dropping_leaves_each_clip_at_least_one_input():
    joined = JoinedTower(_Pixels(), torch.nn.Identity(), dim=4, layers=1, drop=0.8).train()
    ones = torch.ones(200, 3, 4)
    kept_B = joined((ones,), (10 * ones,))[:, 0, 0]
    assert set(kept_B.tolist()) == {1.0, 10.0, 11.0}
    assert_close(joined.eval()((ones,), (10 * ones,)), 11 * ones)


@pytest.mark.parametrize("name", ["npv_lips", "npv_nano_lips"])
def test_lips_models_learn_from_all_that_they_take(name):
    model = create_model(name).train()
    batch = synthetic_batch(model.config.inputs, clips=3, frames=30)
    features = model.encode(batch)
    (model.project(features).viseme * model.project(features).audio).sum().backward()
    for tower in (model.viseme_tower, model.audio_tower):
        assert all(p.grad is not None for p in tower.person_free.parameters())
    assert (model.viseme_tower.tower is None) == (name == "npv_lips")


def test_unknown_inputs_are_refused():
    with pytest.raises(ValueError, match="picture is one or more of pixels, geometry"):
        InputSpec(picture=("lips",))
    with pytest.raises(ValueError, match="sound is one or more of mel, phones"):
        InputSpec(sound=())
