import pytest
import torch
from torch.testing import assert_close

from npvf.models.npv.similarity import SHRINKAGE, lag_similarity, pairwise_similarity


def test_pairwise_against_loops():
    torch.manual_seed(0)
    x, y = torch.randn(4, 7, 3), torch.randn(5, 7, 3)
    gx, gy = torch.rand(4, 7) > 0.4, torch.rand(5, 7) > 0.4
    gy[2] = False
    expected = torch.zeros(4, 5)
    for i in range(4):
        for j in range(5):
            both = gx[i] & gy[j]
            expected[i, j] = (x[i] * y[j]).sum(-1)[both].sum() / (int(both.sum()) + SHRINKAGE)
    assert_close(pairwise_similarity(x, y, gx, gy), expected)


def test_a_pair_with_one_shared_frame_is_not_trusted_like_one_with_all():
    x = torch.nn.functional.normalize(torch.ones(2, 24, 4), dim=-1)
    gate = torch.ones(2, 24, dtype=torch.bool)
    gate[1, 1:] = False
    similarity = pairwise_similarity(x, x, gate, gate)
    assert similarity[0, 0] > 0.8 > 0.3 > similarity[0, 1]


def test_lags_against_loops():
    torch.manual_seed(0)
    v, a, gate = torch.randn(3, 9, 4), torch.randn(3, 9, 4), torch.rand(3, 9) > 0.3
    expected = torch.zeros(3, 7)
    for n in range(3):
        for column, lag in enumerate(range(-3, 4)):
            frames = [t for t in range(9) if 0 <= t + lag < 9 and gate[n, t + lag]]
            if frames:
                expected[n, column] = sum(v[n, t] @ a[n, t + lag] for t in frames) / len(frames)
    assert_close(lag_similarity(v, a, gate, 3), expected)


@pytest.mark.parametrize("delay", [-4, 0, 3])
def test_the_best_lag_is_the_delay_of_the_sound(delay):
    torch.manual_seed(0)
    v = torch.nn.functional.normalize(torch.randn(1, 24, 16), dim=-1)
    a = v.roll(delay, dims=1)
    assert lag_similarity(v, a, torch.ones(1, 24, dtype=torch.bool), 7).argmax() - 7 == delay
