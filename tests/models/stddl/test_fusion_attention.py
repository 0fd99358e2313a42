import pytest
import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm
from torch.testing import assert_close

from npvf.models.stddl.fusion_attention import FusionAttention


@pytest.fixture
def attention() -> FusionAttention:
    torch.manual_seed(0)
    layer = FusionAttention(12, heads=3)
    for parameter in layer.parameters():
        parameter.data.normal_(0, 0.4)
    return layer.double()


def naive(layer: FusionAttention, picture_SD: Tensor, motion_SD: Tensor) -> Tensor:
    """One frame, head by head and position by position."""
    norm, width = layer.norm, 12 // layer.heads
    picture, motion = (layer_norm(x, (12,), norm.weight, norm.bias) for x in (picture_SD, motion_SD))
    query, key, value = layer.query(picture), layer.key(motion), layer.value(picture)
    seen = torch.zeros_like(picture)
    for head in range(layer.heads):
        own = slice(head * width, (head + 1) * width)
        for here in range(len(picture)):
            scores = torch.stack([query[here, own] @ key[there, own] * width**-0.5 for there in range(len(motion))])
            for there, share in enumerate(scores.softmax(0)):
                seen[here, own] += share * value[there, own]
    x = picture_SD + layer.projection(seen)
    first_norm, up, _, down = layer.mlp
    return x + down(gelu(up(layer_norm(x, (12,), first_norm.weight, first_norm.bias))))


def test_it_is_the_attention_written_with_loops(attention):
    picture, motion = torch.randn(2, 2, 5, 12, dtype=torch.float64)
    fused = attention(picture, motion)
    for n in range(2):
        assert_close(fused[n], naive(attention, picture[n], motion[n]))


def test_without_a_motion_the_picture_is_its_own_key(attention):
    picture = torch.randn(1, 5, 12, dtype=torch.float64)
    assert_close(attention(picture), attention(picture, picture))


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="5 heads"):
        FusionAttention(12, heads=5)
