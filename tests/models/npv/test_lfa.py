import pytest
import timm
import torch
from torch.testing import assert_close

from npvf.models.npv.lfa import LFASwinBlock, LocalFeatureAggregation, add_lfa


def small_swin() -> timm.models.SwinTransformer:
    torch.manual_seed(0)
    return timm.create_model("swin_tiny_patch4_window7_224", img_size=56, depths=(1, 1, 2, 1), num_classes=0)


POSITIONS = ("after_attention", "after_mlp", "before_block")


@pytest.mark.slow
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("training", [False, True])
def test_zero_initialised_lfa_leaves_a_swin_unchanged(position, training):
    swin = small_swin().train(training)
    picture = torch.rand(2, 3, 56, 56)
    torch.manual_seed(1)  # dropped paths
    before = swin(picture)
    add_lfa(swin, position=position).train(training)
    torch.manual_seed(1)
    assert_close(swin(picture), before)


def test_positions_differ_in_where_the_block_stands():
    torch.manual_seed(0)
    block = small_swin().eval().layers[0].blocks[0]
    x = torch.randn(2, 14, 14, 96)
    inside, after, before = (LFASwinBlock(block, zero_init=False, position=p).eval() for p in POSITIONS)
    after.lfa, before.lfa = inside.lfa, inside.lfa
    assert_close(after(x), inside.lfa(block(x)))
    assert_close(before(x), block(inside.lfa(x)))
    half = x + block._attn(block.norm1(x))
    aggregated = inside.lfa(half)
    assert_close(inside(x), aggregated + block.mlp(block.norm2(aggregated)))
    outputs = [inside(x), after(x), before(x)]
    assert all((a - b).abs().max() > 1e-4 for a, b in zip(outputs, outputs[1:] + outputs[:1], strict=True))


def test_an_unknown_position():
    with pytest.raises(ValueError, match="none of after_attention"):
        LFASwinBlock(small_swin().layers[0].blocks[0], position="somewhere")


def test_every_block_gets_one():
    swin = add_lfa(small_swin())
    blocks = [block for stage in swin.layers for block in stage.blocks]
    assert len(blocks) == 5
    assert all(isinstance(block, LFASwinBlock) for block in blocks)


def test_lfa_is_equations_1_and_2():
    torch.manual_seed(0)
    lfa = LocalFeatureAggregation(6, zero_init=False).eval()
    for norm in (lfa.norm1, lfa.norm2):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 5, 7, 6)
    assert_close(lfa(x), _by_convolutions(lfa, x))


def test_batch_statistics_are_those_of_convolutions_on_pictures():
    """The product over rows that the code computes is what `BatchNorm2d` and 1 x 1 convolutions give in training."""
    torch.manual_seed(0)
    lfa = LocalFeatureAggregation(6, zero_init=False)
    x = torch.randn(3, 5, 7, 6)
    picture = x.permute(0, 3, 1, 2)
    norms = [torch.nn.BatchNorm2d(6), torch.nn.BatchNorm2d(6)]
    mid = lfa.pointwise1(lfa.depthwise(norms[0](picture)))
    expected = picture + lfa.pointwise2(norms[1](torch.nn.functional.gelu(mid)))
    assert_close(lfa(x), expected.permute(0, 2, 3, 1))
    for norm, reference in zip((lfa.norm1, lfa.norm2), norms, strict=True):
        assert_close(norm.running_mean, reference.running_mean)
        assert_close(norm.running_var, reference.running_var)


def _by_convolutions(lfa, x):
    """Equations 1 and 2 with loops, in evaluation mode."""

    def norm(layer, picture):
        scale = layer.weight / (layer.running_var + layer.eps).sqrt()
        return (picture - layer.running_mean[:, None, None]) * scale[:, None, None] + layer.bias[:, None, None]

    normed = norm(lfa.norm1, x.permute(0, 3, 1, 2))
    padded = torch.nn.functional.pad(normed, (1, 1, 1, 1))
    gathered = torch.zeros_like(normed)
    for dy in range(3):
        for dx in range(3):
            gathered += padded[:, :, dy : dy + 5, dx : dx + 7] * lfa.depthwise.weight[:, 0, dy, dx, None, None]
    mid = torch.einsum("oc,bchw->bohw", lfa.pointwise1.weight[..., 0, 0], gathered)
    mid = mid + lfa.pointwise1.bias[:, None, None]
    out = torch.einsum(
        "oc,bchw->bohw", lfa.pointwise2.weight[..., 0, 0], norm(lfa.norm2, torch.nn.functional.gelu(mid))
    )
    return x + (out + lfa.pointwise2.bias[:, None, None]).permute(0, 2, 3, 1)


def test_a_token_sees_only_its_neighbours():
    lfa = LocalFeatureAggregation(4, zero_init=False).eval()
    x = torch.randn(1, 9, 9, 4, requires_grad=True)
    lfa(x)[0, 4, 4].sum().backward()
    reached = x.grad[0].abs().sum(-1) > 0
    assert reached[3:6, 3:6].all()
    assert reached.sum() == 9
