from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from npvf.detect import scoring
from npvf.detect.scoring import ScoringSettings, find_offset, judged_segments, score_clip
from npvf.models.batch import Features
from tests.helpers.tiny_corpus import blob_clip

FRAMES = 60


class InStep:
    """A model whose features already are the common space."""

    def project_pair(self, features: Features) -> tuple[torch.Tensor, torch.Tensor]:
        return normalize(features.viseme_BTD, dim=-1), normalize(features.audio_BTD, dim=-1)

    def agreement(self, features: Features) -> torch.Tensor:
        v, a = self.project_pair(features)
        return (v * a).sum(-1)

    def logits(self, features: Features, starts_BK: torch.Tensor) -> torch.Tensor:
        return -self.agreement(features.segments(starts_BK)).mean(-1).view(starts_BK.shape)


def late_by(frames: int, gated: slice = slice(None)) -> Features:
    """Sound that says at t what the lips say at t - frames."""
    source_TD = torch.randn(FRAMES + 2 * 20, 16, generator=torch.Generator().manual_seed(0))
    lips = source_TD[None, 20 : 20 + FRAMES]
    sound = source_TD[None, 20 - frames : 20 - frames + FRAMES]
    gate = torch.zeros(1, FRAMES, dtype=torch.bool)
    gate[:, gated] = True
    return Features(lips, sound, lips, sound, gate, torch.ones_like(gate))


@pytest.mark.parametrize("offset", [-12, -3, 0, 4, 15])
def test_a_late_sound_has_a_positive_offset(offset: int) -> None:
    assert find_offset(InStep(), late_by(offset), 15) == offset


def test_shifting_the_sound_moves_the_offset() -> None:
    features = late_by(2).shift_audio(torch.tensor([-4]))  # sound at t - 4 now stands at t: four frames later
    assert find_offset(InStep(), features, 15) == 6


def test_no_offset_where_too_little_speech_overlaps() -> None:
    assert find_offset(InStep(), late_by(0, slice(0, 10)), 15) is None


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch):
    def score(features: Features, settings: ScoringSettings | None = None) -> scoring.ScoredClip:
        monkeypatch.setattr(scoring, "encode_clip", lambda model, clip: features)
        return score_clip(InStep(), SimpleNamespace(), settings or ScoringSettings())

    return score


@pytest.mark.parametrize(("offset", "without_sound"), [(5, slice(55, 60)), (-7, slice(0, 7)), (0, slice(0, 0))])
def test_a_natural_offset_is_undone(scored, offset: int, without_sound: slice) -> None:
    result = scored(late_by(offset), ScoringSettings(offset_weight=0))
    assert (result.offset, result.undone, result.offset_s) == (offset, True, offset / 25)
    expected = np.ones(FRAMES)
    expected[without_sound] = np.nan
    np.testing.assert_allclose(result.agreement_T, expected, atol=1e-5)
    assert not result.gate_T[without_sound].any()
    np.testing.assert_allclose(result.logits_K, -1, atol=0.35)


@pytest.mark.parametrize("offset", [0, 4, -7, 10])
def test_an_offset_that_is_undone_adds_to_the_logits(scored, offset: int) -> None:
    features = late_by(offset)
    without, with_it = (scored(features, ScoringSettings(offset_weight=weight)) for weight in (0.0, 0.5))
    added = 0.5 * abs(offset) if with_it.undone else 0.0
    np.testing.assert_allclose(with_it.logits_K - without.logits_K, added, atol=1e-6)
    assert len(with_it.logits_K)


def test_the_gate_moves_with_the_sound(scored) -> None:
    result = scored(late_by(5, slice(5, 50)))
    np.testing.assert_array_equal(np.flatnonzero(result.gate_T), np.arange(0, 45))


def test_a_larger_offset_is_reported_but_judged_as_it_stands(scored) -> None:
    result = scored(late_by(10))
    assert (result.offset, result.undone) == (10, False)
    assert abs(result.agreement_T.mean()) < 0.3


def test_segments_step_by_the_hop_and_end_with_the_clip() -> None:
    gate = torch.ones(61, dtype=torch.bool)
    assert judged_segments(gate, ScoringSettings()).tolist() == [0, 12, 24, 36, 37]
    assert judged_segments(gate[:24], ScoringSettings()).tolist() == [0]


def test_segments_with_too_few_gated_frames_are_not_judged() -> None:
    gate = torch.zeros(72, dtype=torch.bool)
    gate[20:26] = True
    assert judged_segments(gate, ScoringSettings()).tolist() == [12]
    assert judged_segments(gate, ScoringSettings(min_gate=7)).tolist() == []


@pytest.mark.slow
def test_a_real_network_scores_a_clip_to_the_same_numbers_twice(tiny_overrides: dict) -> None:
    from npvf.models import create_model

    torch.manual_seed(0)
    model = create_model("npv_nano", **tiny_overrides).eval()
    first, second = (score_clip(model, blob_clip("a", 1), ScoringSettings()) for _ in range(2))
    assert first.starts_K.tolist() == [0, 12, 24, 26]
    np.testing.assert_array_equal(first.logits_K, second.logits_K)
    assert np.nanmax(np.abs(first.agreement_T)) <= 1 + 1e-6


def test_every_frame_is_judged_although_the_offset_comes_from_the_gate(scored) -> None:
    gated = scored(late_by(3, slice(0, 36)))
    every = scored(late_by(3, slice(0, 36)), ScoringSettings(every_frame=True))
    assert len(every.starts_K) > len(gated.starts_K) and every.offset == gated.offset == 3
    assert every.gate_T.sum() == gated.gate_T.sum()  # speech is counted as before


def test_frames_outside_the_gate_or_without_audio_are_not_compared(scored) -> None:
    gated = scored(late_by(3, slice(0, 36)))
    np.testing.assert_array_equal(gated.compared_T, gated.gate_T)
    every = scored(late_by(3, slice(0, 36)), ScoringSettings(every_frame=True))
    np.testing.assert_array_equal(np.flatnonzero(~every.compared_T), [57, 58, 59])  # the audio has ended


def test_frames_outside_the_judged_segments_are_not_compared(scored) -> None:
    one = scored(late_by(0), ScoringSettings(every_frame=True, segments=1))
    (start,) = one.starts_K
    np.testing.assert_array_equal(np.flatnonzero(one.compared_T), np.arange(start, start + 24))


def test_beyond_the_natural_offset_the_best_one_within_it_can_be_scored(scored) -> None:
    features = late_by(10)
    far, near = (scored(features, ScoringSettings(within_natural=on, offset_weight=0)) for on in (False, True))
    assert far.offset == near.offset == 10 and not far.undone and not near.undone
    curve_L = near.curve_L[15 - 7 : 15 + 8]
    assert -near.logits_K.mean() == pytest.approx(curve_L.max(), abs=0.1)
    assert near.logits_K.mean() < far.logits_K.mean()


def test_the_features_of_the_last_clip_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(scoring, "encode_clip", lambda model, clip: asked.append(clip) or late_by(0))
    encoder = scoring.ClipEncoder(torch.nn.Identity())
    first, second = blob_clip("a", 1, frames=48), blob_clip("b", 2, frames=48)
    assert encoder(first) is encoder(first)
    encoder(second)
    encoder(first)
    assert [clip.meta.key for clip in asked] == [first.meta.key, second.meta.key, first.meta.key]
