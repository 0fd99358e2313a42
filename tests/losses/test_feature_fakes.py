import pytest
import torch

from npvf.losses import DetectionLosses, DetectionObjective, FeatureFakes
from npvf.models import create_model

VIDEOS, LENGTHS, FRAMES = ["a", "a", "b", "c"], [48, 48, 40, 48], 48


def draws(count=50, **settings):
    torch.manual_seed(0)
    return [FeatureFakes(**settings).draw(VIDEOS, LENGTHS, FRAMES) for _ in range(count)]


def test_swapped_sound_is_of_another_video():
    for sounds in draws(shifted=0, partial=0):
        assert sounds.forged_BT.all()
        for row, donors in enumerate(sounds.clip_BT.tolist()):
            assert len(set(donors)) == 1 and VIDEOS[donors[0]] != VIDEOS[row]
            assert sounds.time_BT[row].max() < LENGTHS[donors[0]], "padding has no sound"


def test_shifted_sound_is_the_clips_own_8_to_15_frames_away():
    found = set()
    for sounds in draws(swapped=0, partial=0):
        assert torch.equal(sounds.clip_BT, torch.arange(4)[:, None].expand(4, FRAMES))
        for row, length in enumerate(LENGTHS):
            shift = (sounds.time_BT[row, :length] - torch.arange(length)) % length
            assert len(shift.unique()) == 1
            found.add(int(shift[0]) if shift[0] < length / 2 else int(shift[0]) - length)
    assert found == {*range(-15, -7), *range(8, 16)}


def test_a_partial_forgery_is_one_span_of_6_to_30_frames():
    for sounds in draws(partial=1):
        for row, forged_T in enumerate(sounds.forged_BT):
            places = forged_T.nonzero().flatten()
            assert 6 <= len(places) <= 30 and int(places[-1] - places[0]) == len(places) - 1
            assert int(places[-1]) < LENGTHS[row]
            own = torch.stack([torch.full((FRAMES,), row), torch.arange(FRAMES)])
            genuine = ~forged_T
            assert torch.equal(torch.stack([sounds.clip_BT[row], sounds.time_BT[row]])[:, genuine], own[:, genuine])


def test_without_another_video_sound_is_shifted():
    sounds = FeatureFakes(partial=0).draw(["a", "a"], [48, 48], 48)
    assert sounds.clip_BT[:, 0].tolist() == [0, 1] and not torch.equal(sounds.time_BT[0], torch.arange(48))


def test_settings_are_checked():
    with pytest.raises(ValueError, match="weights"):
        FeatureFakes(swapped=0, shifted=0)
    with pytest.raises(ValueError, match="partial"):
        FeatureFakes(partial=2)


STARTS = torch.tensor([[0, 8, 24], [3, 10, 20], [1, 2, 12]])


@pytest.fixture
def model(tiny_overrides):
    torch.manual_seed(0)
    return create_model("npv_nano", **tiny_overrides)


def test_genuine_clips_alone_teach_the_head(model, make_batch):
    """No forged clip in the batch, and yet the head's loss has both classes."""
    batch = make_batch(model.config.inputs)
    objective = DetectionObjective()
    out = objective(model, batch, STARTS)
    assert out["fakes"] > 0
    out["fakes"].backward()
    assert model.head.agreement.correction[-1].weight.grad.abs().sum() > 0
    assert model.audio_tower.readout.weight.grad.abs().sum() > 0


def test_forged_clips_give_no_sound(model, make_batch):
    """Fakes are made of genuine clips only: what a forgery sounds like changes none of them."""
    model.eval()
    batch, other = make_batch(model.config.inputs), make_batch(model.config.inputs)
    for b in (batch, other):
        b.label_B = torch.tensor([0, 1, 0])
    other.mel_BTM[1] += 1
    terms = []
    for b in (batch, other):
        torch.manual_seed(3)
        terms.append(DetectionObjective()(model, b, STARTS)["fakes"])
    assert torch.equal(*terms)


def test_they_can_be_switched_off(model, make_batch):
    losses = DetectionLosses(feature_fakes=FeatureFakes(weight=0))
    out = DetectionObjective(losses)(model, make_batch(model.config.inputs), STARTS)
    assert "fakes" not in out


def test_batch_norms_see_each_clip_once_a_step(model, make_batch):
    batch = make_batch(model.config.inputs)
    batch.label_B = torch.tensor([0, 1, 0])
    model.train()
    DetectionObjective()(model, batch, STARTS)
    norms = {n: m for n, m in model.named_modules() if hasattr(m, "num_batches_tracked")}
    assert norms and {n for n, m in norms.items() if m.num_batches_tracked != 1} == set()
