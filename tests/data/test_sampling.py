"""Draws: segments inside what may be compared, balanced classes, shares of ranks, nothing but the seed."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, strategies as st

from npvf.data.sampling import (
    BalancedSampler,
    EpochSampler,
    EvaluationSampler,
    seeded,
    segment_candidates,
    segment_starts,
    window_start,
)


def test_segments_are_valid_and_gated() -> None:
    valid_BT = torch.arange(60).expand(2, 60) < torch.tensor([[60], [40]])
    gate_BT = torch.zeros(2, 60, dtype=torch.bool)
    gate_BT[:, 20:30] = True
    starts_BK = segment_starts(valid_BT, gate_BT, 8, seeded(0))
    assert starts_BK.shape == (2, 8)
    for row, starts in enumerate(starts_BK.tolist()):
        assert len(set(starts)) == 8
        for start in starts:
            assert valid_BT[row, start : start + 24].all() and valid_BT.shape[1] >= start + 24
            assert gate_BT[row, start : start + 24].sum() >= 6


def test_a_clip_with_fewer_segments_repeats_them() -> None:
    ones_BT = torch.ones(1, 25, dtype=torch.bool)
    assert sorted(set(segment_starts(ones_BT, ones_BT, 8, seeded(0))[0].tolist())) == [0, 1]


def test_a_clip_without_speech_is_an_error() -> None:
    ones_BT = torch.ones(1, 40, dtype=torch.bool)
    with pytest.raises(ValueError, match="clip 0"):
        segment_starts(ones_BT, ~ones_BT, 4)


@pytest.mark.slow
@given(
    total=st.integers(24, 120),
    frames=st.integers(30, 80),
    stride=st.integers(1, 6),
    spoken=st.integers(0, 119),
    seed=st.integers(0, 99),
)
def test_every_window_holds_a_segment(total: int, frames: int, stride: int, spoken: int, seed: int) -> None:
    gate_T = torch.zeros(total, dtype=torch.bool)
    first = min(spoken, total - 6)
    gate_T[first : first + 6] = True
    start = window_start(gate_T, frames, stride, seeded(seed))
    window_T = gate_T[start : start + frames]
    assert start % stride == 0
    assert segment_candidates(torch.ones_like(window_T)[None], window_T[None]).any()


def test_an_epoch_visits_everything_once_in_an_order_of_its_own() -> None:
    sampler = EpochSampler(20, seed=3)
    first, again = list(sampler), list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert first == again
    assert sorted(draw.place for draw in first) == list(range(20)) == sorted(draw.place for draw in second)
    assert [draw.place for draw in first] != [draw.place for draw in second]
    assert not {draw.seed for draw in first} & {draw.seed for draw in second}


def test_ranks_share_an_epoch() -> None:
    shares = [list(EpochSampler(20, 3, rank, 4)) for rank in range(4)]
    assert sorted(draw.place for share in shares for draw in share) == list(range(20))
    assert [len(list(EpochSampler(7, 0, rank, 3))) for rank in range(3)] == [3, 3, 3]


def test_an_epoch_goes_on_where_it_was_left() -> None:
    for rank in range(2):
        whole, rest = EpochSampler(21, 3, rank, 2), EpochSampler(21, 3, rank, 2)
        whole.set_epoch(4)
        rest.resume(4, done=6)
        rest.set_epoch(4)  # as a trainer does before each epoch
        assert list(rest) == list(whole)[6:] and len(rest) == len(whole)
        for sampler in (whole, rest):
            sampler.set_epoch(5)
        assert list(rest) == list(whole)


def test_evaluation_sees_every_clip_exactly_once() -> None:
    shares = [list(EvaluationSampler(7, rank, 3)) for rank in range(3)]
    assert sorted(index for share in shares for index in share) == list(range(7))


def test_one_real_to_42_fakes_is_balanced() -> None:
    classes = [(0, None)] * 3 + [(1, "wav2lip")] * 100 + [(1, "fsgan")] * 26
    sampler = BalancedSampler(classes, seed=0)
    drawn = [classes[draw.place] for draw in sampler]
    assert len(drawn) == 2 * 126
    assert Counter(label for label, _ in drawn) == {0: 126, 1: 126}
    assert Counter(kind for label, kind in drawn if label) == {"wav2lip": 63, "fsgan": 63}
    for start in range(0, len(drawn) - 8, 8):
        assert {label for label, _ in drawn[start : start + 8]} == {0, 1}


@pytest.mark.parametrize("world", [2, 3, 8])
def test_one_real_to_42_fakes_is_balanced_on_every_rank(world: int) -> None:
    kinds = ("wav2lip", "fsgan", "faceswap")
    classes = [(0, None)] * 10 + [(1, kinds[i % 3]) for i in range(420)]
    shares = [[classes[draw.place] for draw in BalancedSampler(classes, 0, rank, world)] for rank in range(world)]
    assert {len(share) for share in shares} == {-(-840 // world)}
    for share in shares:
        reals = sum(label == 0 for label, _ in share)
        assert abs(reals - len(share) / 2) <= 1
        kinds_drawn = Counter(kind for label, kind in share if label)
        assert all(abs(count - (len(share) - reals) / 3) <= 0.1 * len(share) for count in kinds_drawn.values())
        for start in range(0, len(share) - 8, 8):
            assert sum(label for label, _ in share[start : start + 8]) == 4


def test_a_class_is_used_up_before_it_repeats_across_epochs_too() -> None:
    classes = [(0, None)] * 4 + [(1, None)] * 10
    sampler = BalancedSampler(classes, seed=5, length=8)
    seen: Counter[int] = Counter()
    for epoch in range(5):
        sampler.set_epoch(epoch)
        seen.update(draw.place for draw in sampler)
    assert [seen[i] for i in range(4)] == [5] * 4
    assert [seen[i] for i in range(4, 14)] == [2] * 10
