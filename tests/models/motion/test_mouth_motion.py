from pathlib import Path

import pytest
import torch

from npvf.models import MouthMotion, PretrainedModel, create_model


def windows(seed: int = 0, count: int = 200) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Genuine windows deviate from fakes in the first statistic of the motion, and in the first of the agreement."""
    random = torch.Generator().manual_seed(seed)
    fake_N = torch.arange(count) % 2 == 1
    motion_NM, agreement_NA = torch.randn(count, 12, generator=random), torch.randn(count, 5, generator=random)
    motion_NM[:, 0] -= 2.0 * fake_N
    agreement_NA[:, 0] += 2.0 * fake_N
    return motion_NM, agreement_NA, fake_N


@pytest.fixture
def fitted() -> MouthMotion:
    model = create_model("mouth_motion")
    assert isinstance(model, MouthMotion)
    return model.fit(*windows(), torch.ones(200))


def test_fakes_get_higher_logits_than_people_that_were_not_in_the_fit(fitted: MouthMotion) -> None:
    motion_NM, agreement_NA, fake_N = windows(1)
    logits_N = fitted(motion_NM, agreement_NA)
    assert (logits_N[fake_N][:, None] > logits_N[~fake_N]).float().mean() > 0.9


def test_agreement_is_never_evidence_for_a_person(fitted: MouthMotion) -> None:
    motion_NM, agreement_NA, _ = windows(2)
    alone_N = fitted(motion_NM, agreement_NA * torch.nan)
    assert (fitted(motion_NM, agreement_NA) >= alone_N).all()
    assert torch.equal(fitted(motion_NM, agreement_NA - 100 * torch.eye(5)[0]), alone_N)


def test_agreement_alone_does_not_decide(fitted: MouthMotion) -> None:
    motion_NM, agreement_NA, _ = windows(2)
    raised_N = fitted(motion_NM, agreement_NA + 100 * torch.eye(5)[0]) - fitted(motion_NM, agreement_NA * torch.nan)
    assert raised_N.max() <= fitted.config.most_agreement + 1e-5


def test_what_nobody_measured_has_no_weight() -> None:
    motion_NM, agreement_NA, fake_N = windows()
    model = create_model("mouth_motion").fit(motion_NM, agreement_NA * torch.nan, fake_N, torch.ones(200))
    assert not model.weights_S[12:].any()
    assert model.weights_S[0] < -0.5


def test_a_heavy_window_counts_more() -> None:
    motion_NM, agreement_NA, fake_N = windows()
    weight_N = torch.where(motion_NM[:, 1] > 0, 10.0, 1.0) * fake_N + 1.0 * ~fake_N
    model = create_model("mouth_motion").fit(motion_NM, agreement_NA, fake_N, weight_N)
    assert model.weights_S[1] > 0.3


def test_both_classes_are_needed() -> None:
    motion_NM, agreement_NA, fake_N = windows()
    with pytest.raises(ValueError, match="both"):
        create_model("mouth_motion").fit(motion_NM, agreement_NA, fake_N & False, torch.ones(200))


def test_a_folder_gives_the_same_logits(fitted: MouthMotion, tmp_path: Path) -> None:
    again = PretrainedModel.from_pretrained(fitted.save_pretrained(tmp_path / "model"))
    motion_NM, agreement_NA, _ = windows(3)
    assert torch.equal(again(motion_NM, agreement_NA), fitted(motion_NM, agreement_NA))
