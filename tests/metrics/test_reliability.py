"""Calibration error against a naive version and scikit-learn's calibration curve."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from npvf.metrics.reliability import balancing_weights, expected_calibration_error, reliability_curve


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.append(rng.random(rng.integers(1, 300)) < rng.uniform(0.05, 0.95), [False, True]).astype(int)
    return rng.beta(rng.uniform(0.3, 3), rng.uniform(0.3, 3), len(labels)), labels


def naive_ece(p: np.ndarray, labels: np.ndarray, bins: int) -> float:
    total = 0.0
    for k in range(bins):
        inside = (p >= k / bins) & ((p < (k + 1) / bins) | (k == bins - 1))
        if inside.any():
            total += inside.sum() / len(p) * abs(labels[inside].mean() - p[inside].mean())
    return total


@pytest.mark.parametrize("block", range(4))
def test_equals_the_naive_version(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        p, labels = random_case(seed)
        for bins in (1, 10, 15):
            assert expected_calibration_error(p, labels, bins=bins) == pytest.approx(
                naive_ece(p, labels, bins), abs=1e-9
            )


def test_the_curve_is_that_of_scikit_learn() -> None:
    for seed in range(50):
        p, labels = random_case(seed)
        curve = reliability_curve(p, labels, bins=10)
        rate, probability = calibration_curve(labels, p, n_bins=10)
        filled = curve.count > 0
        assert curve.rate[filled] == pytest.approx(rate, abs=1e-9)
        assert curve.probability[filled] == pytest.approx(probability, abs=1e-9)
        assert curve.count.sum() == len(p) and np.isnan(curve.rate[~filled]).all()


def test_weights_are_repetitions() -> None:
    p, labels = random_case(5)
    weights = np.append(np.random.default_rng(0).integers(0, 4, len(p) - 2), [1, 1])
    drawn = np.repeat(np.arange(len(p)), weights)
    expected = expected_calibration_error(p[drawn], labels[drawn])
    assert expected_calibration_error(p, labels, weights) == pytest.approx(expected, abs=1e-12)


def test_edges_belong_to_the_bin_above_and_one_to_the_last() -> None:
    curve = reliability_curve([0.0, 0.5, 1.0], [0, 1, 1], bins=2)
    assert curve.count.tolist() == [1, 2]


def test_balanced_classes_undo_the_share_of_fakes() -> None:
    """A calibrated detector of a balanced world, tried on 20 fakes a real: off as it stands, right when balanced."""
    rng = np.random.default_rng(0)
    p = rng.random(400_000)
    labels = (rng.random(len(p)) < p).astype(int)
    kept = (labels == 1) | (rng.random(len(p)) < 0.05)
    p, labels = p[kept], labels[kept]
    assert expected_calibration_error(p, labels) > 0.2
    assert expected_calibration_error(p, labels, balancing_weights(labels)) < 0.01


def test_what_is_no_probability_is_an_error() -> None:
    with pytest.raises(ValueError, match="sigmoid"):
        expected_calibration_error([-0.1, 2.0], [0, 1])
    with pytest.raises(ValueError, match="both classes"):
        reliability_curve([0.1, 0.2], [1, 1])
