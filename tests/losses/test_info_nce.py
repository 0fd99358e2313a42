import math

import pytest
import torch
from torch.testing import assert_close

from npvf.losses.info_nce import symmetric_info_nce


def naive(similarity, excluded, temperature):
    n, total = len(similarity), 0.0
    for i in range(n):
        for matrix in (similarity, similarity.T):
            mask = excluded if matrix is similarity else excluded.T
            kept = [j for j in range(n) if j == i or not mask[i, j]]
            denominator = sum(torch.exp(matrix[i, j] / temperature) for j in kept)
            total = total - torch.log(torch.exp(matrix[i, i] / temperature) / denominator) / n
    return total


@pytest.mark.parametrize("n", [1, 2, 9])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_forward_and_backward_against_loops(n, temperature):
    torch.manual_seed(n)
    ours = torch.randn(n, n, dtype=torch.float64, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    excluded = torch.rand(n, n) > 0.6
    loss, reference = symmetric_info_nce(ours, excluded, temperature), naive(theirs, excluded, temperature)
    assert_close(loss, reference)
    loss.backward()
    reference.backward()
    assert_close(ours.grad, theirs.grad)


def test_chance_level():
    assert symmetric_info_nce(torch.zeros(8, 8)).item() == pytest.approx(2 * math.log(8))


def test_wrong_use():
    with pytest.raises(ValueError, match="positive"):
        symmetric_info_nce(torch.zeros(2, 2), temperature=0)
    with pytest.raises(ValueError, match="square"):
        symmetric_info_nce(torch.zeros(2, 3))
