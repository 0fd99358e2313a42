import numpy as np
import pytest

from npvf.forge.mouth_plan import APART, LONG, RAMP, SHORTEST, Segment, plan_mouth, spans_of


def _still(frames: int) -> np.ndarray:
    return np.zeros((frames, 2))


def test_stretches_too_short_for_two_ramps_are_no_spans() -> None:
    mask = np.zeros(40, bool)
    mask[3 : 3 + SHORTEST] = mask[20 : 20 + SHORTEST - 1] = mask[30:] = True
    assert spans_of(mask) == [(3, 3 + SHORTEST), (30, 40)]


@pytest.mark.parametrize("seed", range(20))
def test_segments_fill_each_span_out_of_the_runs_and_of_other_moments(seed: int) -> None:
    spans, runs = [(5, 40), (50, 57)], [[(5, 40), (50, 60)], [(0, 12), (30, 45)]]
    plan = plan_mouth(spans, runs, [_still(60), _still(45)], own=0, rng=np.random.default_rng(seed))
    total = np.zeros(60)
    for segment in plan:
        assert segment.length >= SHORTEST
        runs_of_it = runs[segment.donor]
        assert any(a <= segment.source and segment.source + segment.length <= b for a, b in runs_of_it)
        assert segment.donor == 1 or abs(segment.source - segment.target) >= APART
        total[segment.target : segment.target + segment.length] += segment.weights
    for start, end in spans:
        np.testing.assert_allclose(total[start + RAMP : end - RAMP], 1)
        np.testing.assert_allclose(total[[start, end - 1]], 1 / (RAMP + 1))
        total[start:end] = 0
    assert not total.any()


def test_the_same_seed_plans_the_same_and_another_differs() -> None:
    def plan(seed: int) -> list[Segment]:
        return plan_mouth([(0, 30)], [[], [(0, 100)]], [_still(40), _still(100)], 0, np.random.default_rng(seed))

    assert plan(1) == plan(1) != plan(2)


def test_a_segment_begins_as_the_mouth_before_it_ends() -> None:
    ramp = np.stack([np.arange(100.0), np.zeros(100)], axis=1)
    mouth = np.full((60, 2), (70.0, 0.0))
    firsts = [
        plan_mouth([(5, 5 + LONG)], [[], [(0, 100)]], [mouth, ramp], 0, np.random.default_rng(seed))[0].source
        for seed in range(20)
    ]
    assert np.abs(np.array(firsts) - 70).mean() < 10


def test_too_little_to_lend_is_an_error() -> None:
    with pytest.raises(ValueError, match="frames 0 to 10"):
        plan_mouth([(0, 10)], [[(0, 10)]], [_still(10)], 0, np.random.default_rng(0))
