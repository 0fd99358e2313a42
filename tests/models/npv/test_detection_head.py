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
    assert_close(head(*segments), head(torch.zeros(N, WIDTH), *segments[1:]))


def test_the_papers_head_looks_at_nothing_else(segments):
    head = DetectionHead("paper", WIDTH).eval()
    pooled, z_v, z_a, gate = segments
    assert_close(head(pooled, z_v, z_a, gate), head(pooled, z_v, z_v, ~gate))


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
