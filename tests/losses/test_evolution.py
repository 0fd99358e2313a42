import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize
from torch.testing import assert_close

from npvf.losses import EvolutionConsistencyLoss
from npvf.losses.info_nce import symmetric_info_nce


def naive(z_v, z_a, gate, excluded, difference_weight):
    def matrix(x, y, g):
        n = len(x)
        rows = [[torch.zeros((), dtype=x.dtype)] * n for _ in range(n)]
        for i in range(n):
            for j in range(n):
                frames = [t for t in range(x.shape[1]) if g[i, t] and g[j, t]]
                if frames:
                    rows[i][j] = sum(cosine_similarity(x[i, t], y[j, t], dim=0) for t in frames) / (len(frames) + 4)
        return torch.stack([torch.stack(r) for r in rows])

    d_v, d_a, d_gate = z_v.diff(dim=1), z_a.diff(dim=1), gate[:, 1:] & gate[:, :-1]
    loss = symmetric_info_nce(matrix(z_v, z_a, gate), excluded)
    return loss + difference_weight * symmetric_info_nce(matrix(d_v, d_a, d_gate), excluded)


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("difference_weight", [0.0, 0.5])
def test_forward_and_backward_against_loops(n, difference_weight):
    torch.manual_seed(n)
    raw = torch.randn(2, n, 8, 4, dtype=torch.float64)
    gate, excluded = torch.rand(n, 8) > 0.3, torch.rand(n, n) > 0.8
    ours, theirs = raw.clone().requires_grad_(), raw.clone().requires_grad_()
    loss = EvolutionConsistencyLoss(difference_weight=difference_weight)(*normalize(ours, dim=-1), gate, excluded)
    reference = naive(*normalize(theirs, dim=-1), gate, excluded, difference_weight)
    assert_close(loss, reference)
    loss.backward()
    reference.backward()
    assert_close(ours.grad, theirs.grad)


def test_ungated_frames_do_not_matter():
    torch.manual_seed(0)
    z = normalize(torch.randn(2, 4, 24, 8), dim=-1)
    gate = torch.ones(4, 24, dtype=torch.bool)
    gate[:, 10:14] = False
    other = z.clone()
    other[:, :, 10:14] = normalize(torch.randn(2, 4, 4, 8), dim=-1)
    loss = EvolutionConsistencyLoss()
    assert_close(loss(*z, gate), loss(*other, gate))


def test_agreement_lowers_it():
    torch.manual_seed(0)
    v, a = normalize(torch.randn(2, 6, 24, 16), dim=-1)
    gate = torch.ones(6, 24, dtype=torch.bool)
    loss = EvolutionConsistencyLoss()
    assert loss(v, v, gate) < loss(v, a, gate)


def test_a_still_stream_has_finite_gradients():
    """Two equal frames have no direction of change; the loss must not divide by zero."""
    z = normalize(torch.ones(3, 24, 8), dim=-1).requires_grad_()
    EvolutionConsistencyLoss()(z, z.detach(), torch.ones(3, 24, dtype=torch.bool)).backward()
    assert z.grad.isfinite().all()


def test_nothing_to_compute():
    with pytest.raises(ValueError, match="differences"):
        EvolutionConsistencyLoss(features_weight=0, difference_weight=0)
