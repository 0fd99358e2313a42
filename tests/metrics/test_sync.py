import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from npvf.metrics.sync import best_offset, offset_curve, retrieval_hits, segment_similarity


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


def naive_curve(v: torch.Tensor, a: torch.Tensor, reach: int, weights: torch.Tensor, least: float) -> list[float]:
    """One pair of frames at a time."""
    curve = []
    for offset in range(-reach, reach + 1):
        pairs = [(t, t + offset) for t in range(len(v)) if 0 <= t + offset < len(a)]
        total = sum(float(weights[s]) for _, s in pairs)
        mean = sum(float(weights[s] * (v[t] @ a[s])) for t, s in pairs) / total if total >= least else math.nan
        curve.append(mean)
    return curve


@pytest.mark.parametrize(("frames", "sound_frames"), [(40, 40), (40, 55), (50, 31), (12, 12)])
def test_offset_curve_equals_the_sum_over_frame_pairs(frames: int, sound_frames: int) -> None:
    v, a = unit(frames, 8), unit(sound_frames, 8, seed=1)
    gate = torch.rand(sound_frames, generator=torch.Generator().manual_seed(2)) < 0.6
    for weights in (None, gate):
        expected = naive_curve(v, a, 6, torch.ones(sound_frames) if weights is None else weights.double(), 8)
        curve = offset_curve(v, a, 6, weights)
        assert curve.numpy() == pytest.approx(np.array(expected), abs=1e-12, nan_ok=True)


def test_offset_curve_takes_batches() -> None:
    v, a = unit(3, 30, 8), unit(3, 30, 8, seed=1)
    gate = torch.rand(3, 30) < 0.8
    curves = offset_curve(v, a, 5, gate)
    for row in range(3):
        assert torch.allclose(curves[row], offset_curve(v[row], a[row], 5, gate[row]))


@pytest.mark.parametrize("late", [-15, -3, 0, 1, 15])
def test_late_sound_has_a_positive_offset(late: int) -> None:
    stream = unit(120, 16)
    v = stream[20:100]
    a = stream[20 - late : 100 - late]  # what is seen at t is heard at t + late
    assert int(best_offset(offset_curve(v, a))) == late
    assert offset_curve(v, a).max() == pytest.approx(1)


def test_only_overlapping_frames_count() -> None:
    v = unit(60, 8)
    curve = offset_curve(v, torch.cat([v[5:], unit(5, 8, seed=9)]))
    assert float(curve[15 - 5]) == pytest.approx(1)


def test_best_offset_never_takes_a_flat_curve_for_synchrony() -> None:
    assert abs(int(best_offset(torch.zeros(31)))) == 15
    assert abs(int(best_offset(torch.tensor([0.0, 1, 1, 1, 0])))) == 1
    with pytest.raises(ValueError, match="too short"):
        best_offset(offset_curve(unit(20, 4), unit(20, 4)))


def test_segment_similarity_is_the_mean_over_frames() -> None:
    v, a = unit(5, 24, 8), unit(5, 24, 8, seed=1)
    gate = torch.rand(5, 24, generator=torch.Generator().manual_seed(0)) < 0.5
    table = segment_similarity(v, a, gate)
    for i in range(5):
        for j in range(5):
            assert table[i, j] == pytest.approx(float((v[i] * a[j]).sum(-1)[gate[j]].mean()))
    with pytest.raises(ValueError, match="1 segments have no frame"):
        segment_similarity(v, a, gate & (torch.arange(5) != 2)[:, None])


def retrieval_at_1(v: torch.Tensor, a: torch.Tensor) -> tuple[float, ...]:
    return tuple(retrieval_hits(segment_similarity(v, a)).mean(1).tolist())


def test_retrieval_counts_both_directions() -> None:
    v = unit(6, 24, 16)
    assert retrieval_at_1(v, v) == (1.0, 1.0)
    assert retrieval_at_1(v, v.roll(1, 0)) == (0.0, 0.0)
    a = v.clone()
    a[1] = a[0]  # sound 1 is sound 0: picture 0 meets a tie, picture 1 loses, sound 1 finds picture 0
    sound_for_picture, picture_for_sound = retrieval_at_1(v, a)
    assert sound_for_picture == pytest.approx((0.5 + 0 + 4) / 6)
    assert picture_for_sound == pytest.approx(5 / 6)


def test_collapsed_features_retrieve_at_chance() -> None:
    v = torch.ones(8, 24, 4) / 2
    assert retrieval_at_1(v, v) == (1 / 8, 1 / 8)
