import pytest
import torch
from torch.testing import assert_close

from npvf.models.npv.awareness import Awareness

B, S, D, K = 3, 24, 10, 6


def equations(branch, x, joint, d):
    """Equations 9 to 13 for one clip, column vectors as the paper writes them: x (d_v, S), joint (d, S)."""
    w_j = branch.joint.weight  # (d_v, d)
    m = torch.tanh(x.T @ w_j @ joint / d**0.5)
    h = torch.relu(branch.own.weight @ x + branch.map.weight @ m.T)
    return branch.out.weight @ h + x


def test_tokens_orientation_is_equations_9_to_13():
    torch.manual_seed(0)
    module = Awareness(D, hidden=K)
    visual, audio = torch.randn(B, S, D), torch.randn(B, S, D)
    attended_visual, attended_audio = module(visual, audio)
    for b in range(B):
        v, a = visual[b].T, audio[b].T
        joint = torch.cat([v, a])
        assert_close(attended_visual[b], equations(module.visual, v, joint, 2 * D).T)
        assert_close(attended_audio[b], equations(module.audio, a, joint, 2 * D).T)


def test_features_orientation_is_scaled_by_the_width_of_the_joint_representation():
    """Equation 9 with the weights on time: M_v = tanh(X_v W J / sqrt(d)), d = 2 D."""
    torch.manual_seed(0)
    module = Awareness(D, hidden=K, orientation="features")
    visual, audio = torch.randn(1, S, D), torch.randn(1, S, D)
    v, joint, branch = visual[0], torch.cat([visual[0], audio[0]], dim=1), module.visual
    m = torch.tanh(v.T @ branch.joint.weight @ joint / (2 * D) ** 0.5)
    h = torch.relu(branch.own.weight @ v + branch.map.weight @ m.T)
    assert_close(module(visual, audio)[0][0], branch.out.weight @ h + v)


def test_the_map_is_a_product_not_a_diagonal():
    """A public re-implementation takes the diagonal of M by a repeated einsum index; every token must count."""
    module = Awareness(D, hidden=K)
    visual, audio = torch.randn(1, S, D), torch.randn(1, S, D, requires_grad=True)
    module(visual, audio)[0][0, 0].sum().backward()
    assert (audio.grad[0].abs().sum(-1) > 0).all()


@pytest.mark.parametrize("orientation", ["tokens", "features"])
def test_shapes_and_gradients(orientation):
    module = Awareness(D, hidden=K, orientation=orientation)
    visual, audio = torch.randn(B, S, D), torch.randn(B, S, D)
    out = module(visual, audio)
    assert [x.shape for x in out] == [(B, S, D), (B, S, D)]
    sum(x.square().sum() for x in out).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_unknown_orientation():
    with pytest.raises(ValueError, match="neither tokens nor features"):
        Awareness(D, orientation="frames")
