from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.saliency import mouth_saliency
from npvf import create_model
from npvf.data.transforms import Sample
from npvf.models import Features, InputSpec

FRAMES = 30


def make_sample(spec: InputSpec) -> Sample:
    g = torch.Generator().manual_seed(0)
    mouth = (FRAMES, spec.mouth_channels, spec.mouth_size, spec.mouth_size)
    face = (-(-FRAMES // spec.face_stride), spec.face_channels, spec.face_size, spec.face_size)
    gate_T = torch.zeros(FRAMES, dtype=torch.bool)
    gate_T[10:20] = True
    return Sample(
        mouth_TCHW=torch.randint(0, 256, mouth, generator=g, dtype=torch.uint8),
        face_TCHW=torch.randint(0, 256, face, generator=g, dtype=torch.uint8),
        mel_TM=torch.randn(4 * FRAMES, spec.n_mels, generator=g),
        gate_T=gate_T,
        speech_T=torch.ones(FRAMES, dtype=torch.bool),
        forged_T=torch.zeros(FRAMES, dtype=torch.bool),
        label=0,
        key="clip",
        video="video",
        identity=None,
        start=0,
        face_stride=spec.face_stride,
    )


class SeesOneSpot(torch.nn.Module):
    """A model whose agreement is the brightness of rows 4 to 8, columns 20 to 26."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def encode(self, batch):
        spot_BT1 = batch.mouth_BTCHW[:, :, 0, 4:8, 20:26].mean((-1, -2))[..., None] * self.weight
        return Features(spot_BT1, torch.ones_like(spot_BT1), spot_BT1, spot_BT1, batch.gate_BT, batch.valid_BT)

    def agreement(self, features):
        return (features.viseme_BTD * features.audio_BTD).sum(-1)


@pytest.fixture
def sample() -> Sample:
    return make_sample(InputSpec(mouth_size=48, mouth_channels=1, face_size=32))


def test_the_map_shows_the_planted_signal(sample):
    map_THW = mouth_saliency(SeesOneSpot(), sample, copies=2)
    expected = np.zeros((FRAMES, 48, 48), np.float32)
    expected[10:20, 4:8, 20:26] = 1 / 24
    np.testing.assert_allclose(map_THW, expected, rtol=1e-5)


def test_a_late_sound_is_undone_first(sample):
    """Sound that is three frames late belongs to earlier pictures."""
    map_THW = mouth_saliency(SeesOneSpot(), sample, offset=3, copies=1)
    assert map_THW.sum((1, 2)).nonzero()[0].tolist() == list(range(7, 17))


def test_of_a_network(tiny_overrides):
    torch.manual_seed(0)
    model = create_model("npv_nano", **tiny_overrides)
    sample = make_sample(model.config.inputs)
    map_THW = mouth_saliency(model, sample, copies=3)
    assert map_THW.shape == (FRAMES, 48, 48)
    assert np.isfinite(map_THW).all()
    assert map_THW.min() >= 0
    # Gated pictures, and those that their stacked neighbours and the temporal layers see.
    assert map_THW[10:20].sum() > 0.6 * map_THW.sum()
    assert all(p.grad is None for p in model.parameters())
    assert not model.training
    np.testing.assert_array_equal(map_THW, mouth_saliency(model, sample, copies=3))


def test_nothing_to_explain(sample):
    with pytest.raises(ValueError, match="no frame is gated"):
        mouth_saliency(SeesOneSpot(), replace(sample, gate_T=torch.zeros(FRAMES, dtype=torch.bool)))
