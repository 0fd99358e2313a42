import timm
import torch
from torch.testing import assert_close

from npvf.models.lfa import LFASwinBlock, LocalFeatureAggregation, add_lfa


def small_swin() -> timm.models.SwinTransformer:
    torch.manual_seed(0)
    return timm.create_model("swin_tiny_patch4_window7_224", img_size=56, depths=(1, 1, 2, 1), num_classes=0)


def test_zero_initialised_lfa_leaves_a_swin_unchanged():
    swin = small_swin().eval()
    picture = torch.rand(2, 3, 56, 56)
    before = swin(picture)
    assert_close(add_lfa(swin)(picture), before)


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
    normed = lfa.norm1(x.permute(0, 3, 1, 2))
    padded = torch.nn.functional.pad(normed, (1, 1, 1, 1))
    gathered = torch.zeros_like(normed)
    for dy in range(3):
        for dx in range(3):
            gathered += padded[:, :, dy : dy + 5, dx : dx + 7] * lfa.depthwise.weight[:, 0, dy, dx, None, None]
    mid = torch.einsum("oc,bchw->bohw", lfa.pointwise1.weight[..., 0, 0], gathered)
    mid = mid + lfa.pointwise1.bias[:, None, None]
    out = torch.einsum("oc,bchw->bohw", lfa.pointwise2.weight[..., 0, 0], lfa.norm2(torch.nn.functional.gelu(mid)))
    expected = x + (out + lfa.pointwise2.bias[:, None, None]).permute(0, 2, 3, 1)
    assert_close(lfa(x), expected)


def test_a_token_sees_only_its_neighbours():
    lfa = LocalFeatureAggregation(4, zero_init=False).eval()
    x = torch.randn(1, 9, 9, 4, requires_grad=True)
    lfa(x)[0, 4, 4].sum().backward()
    reached = x.grad[0].abs().sum(-1) > 0
    assert reached[3:6, 3:6].all()
    assert reached.sum() == 9
