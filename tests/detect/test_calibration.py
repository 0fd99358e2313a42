"""Calibration: order kept, probabilities recovered, finite on separable scores, blind to the share of fakes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from npvf.detect.calibration import Calibration, best_threshold


def scores(fakes: int, reals: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = np.concatenate([rng.normal(3, 2, fakes), rng.normal(-1, 2, reals)])
    return logits, np.repeat([1, 0], [fakes, reals])


def test_it_recovers_the_true_probabilities() -> None:
    # Normal scores of equal deviation: the log odds are (3 - -1) / 4 (x - 1).
    found = Calibration.fit(*scores(20_000, 20_000))
    assert found.a == pytest.approx(1.0, abs=0.03)
    assert found.b == pytest.approx(-1.0, abs=0.03)


def test_it_is_a_balanced_logistic_regression() -> None:
    logits, labels = scores(4000, 1000)
    reference = LogisticRegression(C=1e9, class_weight="balanced").fit(logits[:, None], labels)
    found = Calibration.fit(logits, labels)
    assert found.a == pytest.approx(reference.coef_[0, 0], rel=0.02)
    assert found.b == pytest.approx(reference.intercept_[0], rel=0.05)


def test_the_share_of_fakes_does_not_matter() -> None:
    many = Calibration.fit(*scores(42_000, 1000))
    even = Calibration.fit(*scores(5000, 5000, seed=1))
    assert many.probability(1.0) == pytest.approx(even.probability(1.0), abs=0.03)


def test_separable_scores_stay_finite_and_in_order() -> None:
    found = Calibration.fit([-100.0, -90.0, 80.0, 120.0], [0, 0, 1, 1])
    low, high = found.probability(-95), found.probability(100)
    assert 0.1 < low < 0.3 and 0.7 < high < 0.9
    assert np.isfinite([found.a, found.b]).all()


def test_a_detector_that_is_wrong_gets_no_confidence_and_keeps_its_order() -> None:
    logits, labels = scores(500, 500)
    found = Calibration.fit(-logits, labels)
    probabilities = found.probabilities(np.sort(logits))
    assert (np.diff(probabilities) > 0).all()
    np.testing.assert_allclose(probabilities, 0.5, atol=0.03)


@pytest.mark.parametrize(
    ("logits", "labels"), [([0.0, 1.0], [1, 1]), ([0.0, np.nan], [0, 1]), ([0.0, 1.0, 2.0], [0, 1, -1])]
)
def test_bad_input_is_an_error(logits: list[float], labels: list[int]) -> None:
    with pytest.raises(ValueError, match="calibration needs"):
        Calibration.fit(logits, labels)


def test_the_threshold_parts_the_classes_near_a_half() -> None:
    probabilities = expit(np.array([-3.0, -2.0, 1.0, 2.0]))
    threshold = best_threshold(probabilities, np.array([0, 0, 1, 1]))
    assert probabilities[1] < threshold < probabilities[2]
    assert best_threshold(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 0, 1, 1])) == pytest.approx(0.25)
