import pytest
import torch
from torch.testing import assert_close

from npvf.losses import DetectionObjective, NPVObjective
from npvf.losses.objective import feature_deviation, near_duplicates
from npvf.models import create_model

STARTS = torch.tensor([[0, 8, 24], [3, 10, 20], [1, 2, 12]])


@pytest.fixture
def model(tiny_overrides):
    torch.manual_seed(0)
    return create_model("npv_nano", **tiny_overrides)


def test_pretraining_reaches_every_encoder(model, make_batch):
    out = NPVObjective()(model, make_batch(model.config.inputs), STARTS)
    assert_close(out["loss"], out["ec"] + out["cor"] + out["info"])
    out["loss"].backward()
    assert {n.split(".")[0] for n, p in model.named_parameters() if p.grad is None} == {"head"}


def test_a_few_steps_lower_the_loss(model, make_batch):
    batch, objective = make_batch(model.config.inputs), NPVObjective()
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = objective(model, batch, STARTS)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("off", ["ec_weight", "cor_weight", "info_weight"])
def test_terms_can_be_switched_off(off, model, make_batch):
    out = NPVObjective(**{off: 0.0})(model, make_batch(model.config.inputs), STARTS)
    assert off.removesuffix("_weight") not in out
    assert out["loss"].isfinite()


def test_near_duplicates_are_of_one_clip():
    mask = near_duplicates(torch.tensor([[0, 3, 20], [0, 30, 60]]), 4)
    pairs = {tuple(p) for p in mask.nonzero().tolist() if p[0] < p[1]}
    assert pairs == {(0, 1)}


def test_forged_share_decides_a_segments_label(model, make_batch):
    batch = make_batch(model.config.inputs)
    batch.label_B = torch.tensor([0, 1, 1])
    batch.forged_BT[1] = True
    batch.forged_BT[2, :10] = True
    targets = DetectionObjective(forged_share=0.25).segment_targets(batch, torch.tensor([[0, 8, 24]] * 3))
    assert targets.tolist() == [[0, 0, 0], [1, 1, 1], [1, 0, 0]]


def test_alignment_is_for_real_clips_only(model, make_batch):
    """Changing a forgery changes no auxiliary term; with align_on="all" it does."""
    model.eval()
    batch, other = make_batch(model.config.inputs), make_batch(model.config.inputs)
    for b in (batch, other):
        b.label_B = torch.tensor([0, 1, 0])
        b.forged_BT[1] = True
    other.mel_BTM[1] += 1
    for align_on, same in (("real", True), ("all", False)):
        objective = DetectionObjective(align_on=align_on)
        a, b = objective(model, batch, STARTS), objective(model, other, STARTS)
        assert torch.allclose(a["cor"], b["cor"]) is same
        assert torch.allclose(a["ec"], b["ec"]) is same


def test_too_few_real_clips_leave_cross_entropy_alone(model, make_batch):
    batch = make_batch(model.config.inputs)
    batch.label_B = torch.tensor([0, 1, 1])
    out = DetectionObjective()(model, batch, STARTS)
    assert "cor" not in out
    assert_close(out["loss"], out["ce"])


def test_an_unlabelled_clip_is_an_error(model, make_batch):
    batch = make_batch(model.config.inputs)
    batch.label_B = torch.tensor([0, -1, 0])
    with pytest.raises(ValueError, match="clip1"):
        DetectionObjective()(model, batch, STARTS)


def test_collapse_monitor():
    z = torch.nn.functional.normalize(torch.randn(500, 64), dim=-1)
    assert feature_deviation(z).item() == pytest.approx(1, abs=0.05)
    assert feature_deviation(z[:1].expand(500, 64)).item() == pytest.approx(0, abs=1e-3)
