import pytest
import torch
from torch.testing import assert_close

from npvf.losses import CorrelationAlignmentLoss


def naive(x, y, mu):
    x, y = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
    d, loss = x.shape[1], 0.0
    for i in range(d):
        for j in range(d):
            a, b = x[:, i] - x[:, i].mean(), y[:, j] - y[:, j].mean()
            a, b = a / (a.square().mean() + 1e-5).sqrt(), b / (b.square().mean() + 1e-5).sqrt()
            c = (a * b).mean()
            loss = loss + ((1 - c) ** 2 if i == j else mu * c**2)
    return loss / d


@pytest.mark.parametrize("dim", [1, 5])
@pytest.mark.parametrize("mu", [0.005, 0.5])
def test_forward_and_backward_against_loops(dim, mu):
    torch.manual_seed(dim)
    raw = torch.randn(2, 4, 6, dim)
    ours, theirs = raw.clone().requires_grad_(), raw.clone().requires_grad_()
    loss, reference = CorrelationAlignmentLoss(mu)(*ours), naive(*theirs, mu)
    assert_close(loss, reference)
    loss.backward()
    reference.backward()
    assert_close(ours.grad, theirs.grad, atol=1e-6, rtol=1e-4)


def test_equal_streams_have_no_diagonal_term():
    torch.manual_seed(0)
    x = torch.randn(8, 24, 4)
    assert CorrelationAlignmentLoss(mu=0)(x, x).item() == pytest.approx(0, abs=1e-5)
    assert CorrelationAlignmentLoss(mu=0)(x, -x).item() == pytest.approx(4, abs=1e-3)


def test_auto_correlation_ignores_the_pairing():
    """The vacuous reading: shuffling one stream in time leaves its diagonal perfect."""
    torch.manual_seed(0)
    x = torch.randn(8, 24, 4)
    assert CorrelationAlignmentLoss(mu=0, kind="auto")(x, x.flip(1)).item() == pytest.approx(0, abs=1e-5)
    assert CorrelationAlignmentLoss(mu=0)(x, x.flip(1)).item() > 0.5


def test_wrong_use():
    with pytest.raises(ValueError, match="neither cross nor auto"):
        CorrelationAlignmentLoss(kind="self")
    with pytest.raises(ValueError, match="2 tokens"):
        CorrelationAlignmentLoss()(torch.randn(1, 1, 4), torch.randn(1, 1, 4))
