import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

from npvf.losses import FaceAudioLoss
from npvf.losses.representations import pool


def naive(faces, voices, valid, identities, temperature=0.07):
    n = len(faces)
    f = [normalize(faces[i][valid[i]].sum(0), dim=0) for i in range(n)]
    a = [normalize(voices[i][valid[i]].sum(0), dim=0) for i in range(n)]
    total = 0.0
    for left, right in ((f, a), (a, f)):
        for i in range(n):
            others = [j for j in range(n) if j == i or identities[i] != identities[j]]
            logits = torch.stack([left[i] @ right[j] for j in others]) / temperature
            total = total - torch.log_softmax(logits, 0)[others.index(i)] / n
    return total


def test_forward_and_backward_against_loops():
    torch.manual_seed(0)
    raw = torch.randn(2, 5, 12, 6, dtype=torch.float64)
    valid = torch.rand(5, 12) > 0.2
    identities = torch.tensor([5, 7, 8, 5, 9])
    ours, theirs = raw.clone().requires_grad_(), raw.clone().requires_grad_()
    face, voice = (pool(z[:, None], valid[:, None])[:, 0] for z in normalize(ours, dim=-1))
    loss = FaceAudioLoss()(face, voice, identities)
    reference = naive(*normalize(theirs, dim=-1), valid, identities)
    assert_close(loss, reference)
    loss.backward()
    reference.backward()
    assert_close(ours.grad, theirs.grad)


def test_one_person_is_nothing_to_contrast():
    face, voice = normalize(torch.randn(2, 4, 6), dim=-1)
    assert FaceAudioLoss()(face, voice, torch.full((4,), 5)).item() == pytest.approx(0)
