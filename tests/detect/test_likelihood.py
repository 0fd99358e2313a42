import numpy as np
import pytest

from npvf.detect.likelihood import LikelihoodRatio, elub, fit_likelihood


def normal_scores(count: int, distance: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores_N = np.concatenate([rng.normal(-distance / 2, 1, count), rng.normal(distance / 2, 1, count)])
    return scores_N, np.repeat([0, 1], count)


@pytest.mark.slow
def test_the_ratio_of_two_normal_distributions_is_found() -> None:
    """Two normal distributions with distance d have the log ratio d x: here 2 x."""
    scores_N, labels_N = normal_scores(300, 2.0)
    ratio = fit_likelihood(scores_N, labels_N, range(600))
    assert ratio.log_odds(0.0) == pytest.approx(0, abs=0.2) and ratio.calibration.a == pytest.approx(2, abs=0.3)
    assert ratio.videos == ratio.people == (300, 300)


def test_bounds_grow_with_the_people_and_not_with_the_videos_of_one_person() -> None:
    scores_N, labels_N = normal_scores(400, 8.0)
    people = np.arange(800)
    few = [elub(6 * scores_N[::40], labels_N[::40], people[::40]), elub(6 * scores_N, labels_N, people // 40)]
    many = elub(6 * scores_N, labels_N, people)
    assert all(0.8 < upper <= np.log10(11) for _, upper in few)
    assert 2.2 < many[1] <= np.log10(401) and -np.log10(401) <= many[0] < -2.2


def test_scores_that_tell_nothing_support_nothing() -> None:
    rng = np.random.default_rng(1)
    low, high = elub(rng.normal(size=400), np.tile([0, 1], 200), range(400))
    assert -0.15 < low <= 0 <= high < 0.15


def test_misleading_ratios_limit_the_bound() -> None:
    """One of 100 genuine videos with a ratio of e^5 means that ratios above 50 are not supported."""
    values, labels = [-3.0] * 99 + [5.0] + [6.0] * 100, [0] * 100 + [1] * 100
    assert elub(values, labels, range(200))[1] == pytest.approx(np.log10(100 / 101 / (2 / 101)))


def test_it_is_the_same_after_json() -> None:
    ratio = fit_likelihood(*normal_scores(20, 3.0), people=[i // 2 for i in range(40)])
    assert LikelihoodRatio.from_json(ratio.to_json()) == ratio and ratio.people == (10, 10)


def test_both_propositions_are_needed() -> None:
    with pytest.raises(ValueError, match="fakes and reals"):
        fit_likelihood([1.0, 2.0], [1, 1], ["a", "b"])
