import pytest
import torch
from torch.testing import assert_close

from npvf.models.npv.detection_head import DetectionHead

N, S, P, WIDTH = 6, 24, 8, 12


@pytest.fixture
def segments():
    torch.manual_seed(0)
    z_v, z_a = torch.nn.functional.normalize(torch.randn(2, N, S, P), dim=-1)
    return torch.randn(N, WIDTH), z_v, z_a, torch.rand(N, S) > 0.3


def test_the_agreement_head_does_not_look_at_the_fused_streams(segments):
    head = DetectionHead("agreement", WIDTH).eval()
    assert not head.sees_streams
    assert_close(head(*segments), head(None, *segments[1:]))


def test_the_papers_head_looks_at_nothing_else(segments):
    head = DetectionHead("paper", WIDTH).eval()
    pooled, z_v, z_a, gate = segments
    assert_close(head(pooled, z_v, z_a, gate), head(pooled, z_v, z_v, ~gate))


@pytest.mark.parametrize("kind", ["agreement", "residual"])
def test_before_training_segments_are_ranked_as_their_agreement_ranks_them(kind, segments):
    pooled, z_v, z_a, gate = segments
    agreement_N = ((z_v * z_a).sum(-1) * gate).sum(1) / gate.sum(1)
    logits_N = DetectionHead(kind, WIDTH).eval()(pooled, z_v, z_a, gate)
    assert torch.equal(logits_N.argsort(), agreement_N.argsort(descending=True))
    assert_close(logits_N, 10 * (0.3 - agreement_N))


def test_an_agreement_head_learns_a_correction(segments):
    head = DetectionHead("agreement", WIDTH)
    before = head(*segments)
    optimizer = torch.optim.SGD(head.parameters(), 0.1)
    for _ in range(2):  # the first step moves the last layer only, which starts at 0
        optimizer.zero_grad()
        head(*segments).square().mean().backward()
        optimizer.step()
    assert all(parameter.grad.abs().sum() > 0 for parameter in head.parameters())
    assert not torch.allclose(before, head(*segments))


def test_a_residual_head_starts_at_the_agreement(segments):
    head = DetectionHead("residual", WIDTH).eval()
    before = head(*segments)
    assert_close(before, head.agreement(*segments[1:]))
    head.fused.mlp[-1].weight.data.fill_(1)
    assert not torch.allclose(before, head(*segments))


def test_in_training_a_residual_head_leaves_the_fused_streams_out_of_some_segments(segments):
    head = DetectionHead("residual", WIDTH).train()
    head.fused.mlp[-1].bias.data.fill_(3)
    added = head(*segments) - head.agreement(*segments[1:])
    assert 0 < int((added.abs() < 1e-6).sum()) < N


@pytest.mark.parametrize("kind", ["agreement", "residual"])
def test_a_logit_does_not_depend_on_the_other_segments_in_training(kind, segments):
    """A norm over the batch would learn from the share of genuine segments in it."""
    head = DetectionHead(kind, WIDTH).train()
    alone = [head(*(x[i : i + 1] for x in segments)) for i in range(N)]
    assert_close(torch.cat(alone), head.agreement(*segments[1:]))


def test_an_unknown_kind():
    with pytest.raises(ValueError, match="must be 'agreement', 'residual' or 'paper'"):
        DetectionHead("fused", WIDTH)
