import pytest
import torch
from torch.testing import assert_close

from npvf import create_model
from npvf.losses import NPVObjective
from npvf.models.npv.conv_towers import ConvAudioTower, ConvVisualTower
from npvf.models.npv.tower_spec import TowerSpec

SPEC = TowerSpec(embed_dim=8, frame_stack=3, temporal_layers=1)


def test_one_token_a_frame():
    assert ConvVisualTower(SPEC, 32, 1, 12)(torch.zeros(2, 7, 1, 32, 32, dtype=torch.uint8)).shape == (2, 7, 12)
    assert ConvAudioTower(SPEC, 64, 12)(torch.zeros(2, 28, 64)).shape == (2, 7, 12)


def test_the_clocks_agree():
    """A click in the mel frames of video frame 10 moves the token of frame 10 most."""
    torch.manual_seed(0)
    tower = ConvAudioTower(SPEC, 64, 12).eval()
    mel = torch.zeros(1, 80, 64)
    click = mel.clone()
    click[:, 40:44] = 5
    change_T = (tower(click) - tower(mel)).norm(dim=-1)[0]
    assert change_T.argmax() == 10


@pytest.mark.slow
def test_the_baseline_learns_and_has_one_path(make_batch):
    torch.manual_seed(0)
    model = create_model("conv_two_tower", dim=24, common_dim=16)
    batch, starts = make_batch(model.config.inputs), torch.tensor([[0, 8, 24], [3, 10, 20], [1, 2, 12]])
    objective, optimizer = NPVObjective(), torch.optim.AdamW(model.parameters(), 2e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = objective(model, batch, starts)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert {n.split(".")[0] for n, p in model.named_parameters() if p.grad is None} <= {"head"}
    assert_close(model.fuse(model.encode(batch)).viseme, model.encode(batch).viseme_BTD)


def test_what_it_cannot_do():
    with pytest.raises(ValueError, match="multiple of 16"):
        ConvVisualTower(SPEC, 40, 1, 12)
    with pytest.raises(ValueError, match="ImageNet"):
        create_model("conv_two_tower", backbone_pretrained=True)
