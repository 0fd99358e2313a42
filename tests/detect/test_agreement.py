import numpy as np
import pytest
import torch
from scipy.special import expit
from torch.nn.functional import normalize

from npvf.detect import agreement
from npvf.detect.agreement import AgreementPredictor
from npvf.models import create_model
from tests.helpers.tiny_corpus import blob_clip


@pytest.fixture
def scorer() -> AgreementPredictor:
    torch.manual_seed(0)
    return AgreementPredictor(create_model("npv_nano"))


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch):
    """Replaces the network: lips, sound and gate are what the test says."""

    def give(v_TD: torch.Tensor, a_TD: torch.Tensor, gate_T: torch.Tensor) -> None:
        monkeypatch.setattr(agreement, "embed_clip", lambda model, clip: (v_TD, a_TD, gate_T))

    return give


def test_the_score_is_half_of_one_minus_the_gated_cosine(scorer, embedded) -> None:
    torch.manual_seed(0)
    v_TD = normalize(torch.randn(50, 16), dim=-1)
    a_TD, gate_T = normalize(v_TD + torch.randn(50, 16), dim=-1), torch.arange(50) % 3 > 0
    embedded(v_TD, a_TD, gate_T)
    (score,) = scorer.score_clips([blob_clip("a", 0)])
    cosine_T = (v_TD * a_TD).sum(-1)
    for start, logit in zip(score.starts, score.logits, strict=True):
        part = slice(start, start + 24)
        assert expit(logit) == pytest.approx((1 - cosine_T[part][gate_T[part]].mean().item()) / 2, abs=1e-6)
    assert score.starts == (0, 12, 24, 26)


def test_a_small_delay_is_no_forgery_and_a_large_one_is(scorer, embedded) -> None:
    torch.manual_seed(0)
    v_TD = normalize(torch.randn(60, 32), dim=-1)
    scores = {}
    for delay in (0, 2, 5):
        embedded(v_TD, v_TD.roll(delay, 0), torch.ones(60, dtype=torch.bool))
        scores[delay] = scorer.aggregate([*scorer.score_clips([blob_clip("a", 0)])]).probability
    assert scores[0] == pytest.approx(0, abs=1e-6) and scores[2] < 0.05 and scores[5] > 0.4


def test_too_few_gated_frames_are_not_judged(scorer, embedded) -> None:
    v_TD = normalize(torch.ones(50, 4), dim=-1)
    embedded(v_TD, v_TD, torch.arange(50) < 5)
    (score,) = scorer.score_clips([blob_clip("a", 0)])
    assert score.logits == () and score.reason == "too_little_speech: 5 of 8 gated frames"


def test_with_the_real_network(scorer) -> None:
    scores = list(scorer.score_clips(blob_clip(name, seed) for seed, name in enumerate("ab")))
    assert [s.video for s in scores] == ["a", "b"]
    probabilities = [scorer.aggregate([score]).probability for score in scores]
    assert all(0 <= p <= 1 for p in probabilities) and np.ptp(probabilities) > 0
