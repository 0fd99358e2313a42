import numpy as np
import pytest

from npvf.metrics.likelihood import best_log_ratios, cllr, cllr_min, tippett


def normal(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Log ratios 2 x of two normal distributions at -1 and 1: these are right."""
    rng = np.random.default_rng(0)
    return 2 * np.concatenate([rng.normal(-1, 1, count), rng.normal(1, 1, count)]), np.repeat([0, 1], count)


def test_right_ratios_have_almost_the_least_cost_and_exaggerated_ones_more() -> None:
    ratios_N, labels_N = normal()
    assert cllr(ratios_N, labels_N) == pytest.approx(cllr_min(ratios_N, labels_N), abs=0.01)
    assert cllr(3 * ratios_N, labels_N) > cllr(ratios_N, labels_N) + 0.2
    assert cllr_min(3 * ratios_N, labels_N) == pytest.approx(cllr_min(ratios_N, labels_N))
    assert cllr(-ratios_N, labels_N) > 1


def test_the_best_calibration_is_that_of_scikit_learn() -> None:
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(1)
    scores_N, labels_N = rng.integers(0, 12, 60).astype(float), rng.integers(0, 2, 60)
    weights_N = np.where(labels_N == 1, 0.5 / labels_N.sum(), 0.5 / (1 - labels_N).sum())
    p_N = IsotonicRegression(y_min=0, y_max=1).fit(scores_N, labels_N, weights_N).predict(scores_N)
    with np.errstate(divide="ignore"):
        assert np.allclose(best_log_ratios(scores_N, labels_N), np.log(p_N) - np.log1p(-p_N))


def test_ties_and_infinite_ratios() -> None:
    assert cllr_min([0.5, 0.5, 0.5], [0, 1, 1]) == 1.0
    assert cllr([-np.inf, np.inf], [0, 1]) == 0.0 and cllr([np.inf, -np.inf], [0, 1]) == np.inf


def test_tippett_curves_are_shares_at_or_above_a_value() -> None:
    ratios_N, labels_N = normal(200)
    curve = tippett(ratios_N, labels_N)
    k = 150
    value = curve.log10_lr[k] * np.log(10) - 1e-9
    assert curve.first[k] == pytest.approx((ratios_N[labels_N == 1] >= value).mean())
    assert curve.second[k] == pytest.approx((ratios_N[labels_N == 0] >= value).mean())
    assert curve.misleading == ((ratios_N[200:] < 0).mean(), (ratios_N[:200] > 0).mean())


def test_both_propositions_are_needed() -> None:
    for wrong in (([1.0], [1]), ([np.nan, 1.0], [0, 1])):
        with pytest.raises(ValueError, match="both propositions"):
            cllr(*wrong)
