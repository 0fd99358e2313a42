"""The mask losses against loops over pixels, and which clip counts for which term."""

import math

import pytest
import torch
from torch.testing import assert_close

from npvf.losses import BalancedBCE, LocalizationLosses, LocalizationObjective, TverskyLoss
from npvf.models import FaceBatch, STDDLOutput


@pytest.fixture
def masks():
    """Logits and masks of four clips of two frames: half, few, all and no pixels forged."""
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 2, 3, 5, generator=g, dtype=torch.float64)
    forged = torch.rand(4, 2, 3, 5, generator=g) < torch.tensor([0.5, 0.1, 1.0, 0.0])[:, None, None, None]
    assert forged.flatten(1).sum(1).tolist()[2:] == [30, 0] and 0 < forged[1].sum() < 8
    return logits, forged


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_balanced_cross_entropy_is_the_loop(masks, balance):
    for clip, loss in enumerate(BalancedBCE(balance)(*masks)):
        logits, forged = (x[clip].flatten().tolist() for x in masks)
        count = {True: sum(forged), False: len(forged) - sum(forged)}
        total = weights = 0.0
        for logit, is_forged in zip(logits, forged, strict=True):
            weight = (len(forged) / (2 * count[is_forged])) ** balance
            p = 1 / (1 + math.exp(-logit))
            total -= weight * math.log(p if is_forged else 1 - p)
            weights += weight
        assert float(loss) == pytest.approx(total / weights)


def test_balance_0_is_the_plain_one_and_1_gives_both_kinds_a_half(masks):
    logits, forged = masks
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    assert_close(BalancedBCE(0.0)(logits, forged).mean(), bce(logits, forged.double()))
    halves = [bce(logits[1][forged[1] == kind], forged[1][forged[1] == kind].double()) for kind in (False, True)]
    assert_close(BalancedBCE(1.0)(logits, forged)[1], (halves[0] + halves[1]) / 2)


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.5), (0.3, 0.7)])
def test_tversky_is_the_loop(masks, alpha, beta):
    for clip, loss in enumerate(TverskyLoss(alpha, beta, smooth=0.5)(*masks)):
        hit = false = missed = 0.0
        for logit, forged in zip(*(x[clip].flatten().tolist() for x in masks), strict=True):
            p = 1 / (1 + math.exp(-logit))
            hit, missed, false = (hit + p, missed + 1 - p, false) if forged else (hit, missed, false + p)
        assert float(loss) == pytest.approx(1 - (hit + 0.5) / (hit + alpha * false + beta * missed + 0.5))


def test_ignored_pixels_count_for_nothing(masks):
    logits, forged = masks
    ignored = torch.rand(forged.shape, generator=torch.Generator().manual_seed(1)) < 0.4
    ignored[2] = ~forged.new_zeros(2, 3, 5)  # a clip of which nothing is left
    for loss in (BalancedBCE(0.5), TverskyLoss(smooth=0.5)):
        found = loss(logits, forged, ignored)
        for clip in (0, 1, 3):
            kept = ~ignored[clip]
            assert_close(found[clip], loss(logits[clip][kept][None], forged[clip][kept][None])[0])
        assert torch.isfinite(found).all() and found[2] == 0
        assert_close(loss(logits, forged, torch.zeros_like(forged)), loss(logits, forged))


def test_faint_pixels_of_a_batch_are_ignored_in_both_mask_terms():
    mask = torch.zeros(1, 3, 4, 4, dtype=torch.bool)
    mask[..., :2] = True
    batch = batch_of(mask, [True], [1])
    batch.faint_BTHW = torch.zeros_like(mask)
    batch.faint_BTHW[..., 1] = True
    logits = torch.where(mask, 30.0, -30.0)[:, :2]
    logits[..., 1] = -30.0  # it misses the faint ones
    terms = LocalizationObjective().compare(STDDLOutput(logits, torch.zeros(1, 2), torch.zeros(1)), batch)
    assert float(terms["mask"]) < 1e-6 and float(terms["overlap"]) < 1e-6


def test_a_mask_that_only_says_where_gains_nothing_from_a_pair():
    """Genuine and forged version weigh the same at each place, so the best constant answer is one half, everywhere."""
    mask = torch.zeros(2, 3, 4, 4, dtype=torch.bool)
    mask[1, ..., :1] = True
    batch = batch_of(mask, [True, True], [0, 1])
    batch.twin_BTHW = mask.flip(0)
    place = torch.zeros(1, 2, 4, 4, requires_grad=True)  # of both windows alike
    inside = torch.where(mask[1:, :2], place, torch.full_like(place, -20.0))
    output = STDDLOutput(inside.expand(2, -1, -1, -1), torch.zeros(2, 2), torch.zeros(2))
    LocalizationObjective(LocalizationLosses(overlap_weight=0)).compare(output, batch)["mask"].backward()
    assert_close(place.grad, torch.zeros_like(place))


def test_the_right_mask_costs_nothing(masks):
    forged = masks[1]
    right = torch.where(forged, 40.0, -40.0)
    assert_close(BalancedBCE()(right, forged), torch.zeros(4), atol=1e-6, rtol=0)
    assert_close(TverskyLoss()(right, forged), torch.zeros(4), atol=1e-6, rtol=0)


def batch_of(mask: torch.Tensor, known: list[bool], label: list[int]) -> FaceBatch:
    """The mask has a frame more than the output: the one without a follower."""
    count = len(known)
    return FaceBatch(
        frames_BTCHW=torch.zeros(count, 3, 3, 4, 4, dtype=torch.uint8),
        landmarks_BTN2=torch.zeros(count, 3, 478, 2),
        mask_BTHW=mask,
        mask_known_B=torch.tensor(known),
        label_B=torch.tensor(label),
        keys=[str(i) for i in range(count)],
        videos=[str(i) for i in range(count)],
        identities=[None] * count,
    )


def test_each_term_counts_the_clips_of_which_it_is_known():
    torch.manual_seed(0)
    mask = torch.rand(4, 3, 4, 4) < 0.3
    mask[0] = False  # real
    mask[2:] = False  # not known
    out = STDDLOutput(torch.randn(4, 2, 4, 4, requires_grad=True), torch.randn(4, 2), torch.randn(4))
    batch = batch_of(mask, [True, True, False, False], [0, 1, 1, -1])
    objective = LocalizationObjective(LocalizationLosses(video_weight=2.0, mask_weight=3.0, overlap_weight=0.5))
    terms = objective.compare(out, batch)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    assert_close(terms["video"], bce(out.logits_B[:3], torch.tensor([0.0, 1, 1])))
    assert_close(terms["mask"], BalancedBCE()(out.mask_logits_BTHW[:2], mask[:2, :2]).mean())
    assert_close(terms["overlap"], TverskyLoss()(out.mask_logits_BTHW[1:2], mask[1:2, :2]).mean())
    assert_close(terms["loss"], 2 * terms["video"] + 3 * terms["mask"] + 0.5 * terms["overlap"])
    terms["loss"].backward()
    gradient = out.mask_logits_BTHW.grad
    assert gradient[:2].abs().flatten(1).sum(1).min() > 0 and gradient[2:].abs().max() == 0


def test_a_batch_without_any_mask_has_a_gradient_of_zero():
    out = STDDLOutput(torch.randn(2, 2, 4, 4, requires_grad=True), torch.randn(2, 2), torch.randn(2))
    terms = LocalizationObjective().compare(out, batch_of(torch.zeros(2, 3, 4, 4).bool(), [False] * 2, [-1, 1]))
    assert terms["mask"] == terms["overlap"] == 0
    terms["loss"].backward()
    assert out.mask_logits_BTHW.grad.abs().max() == 0


def test_the_balance_is_a_share():
    with pytest.raises(ValueError, match="balance"):
        BalancedBCE(1.5)
