"""Turn logits into calibrated probabilities: Platt scaling, fitted on videos that were not used for training.

The logistic regression is ours because scikit-learn's has no lower bound on a weight, and scikit-learn would become a
core dependency of every detector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import expit, log_expit

# The smallest slope, for logits with a standard deviation of 1. On few people, reals can by chance have higher logits
# than fakes. Then the fit must not reverse the order of the logits, which may be right for other people: probabilities
# stay near 0.5, in the order of the logits.
FLATTEST = 0.01


@dataclass(frozen=True, slots=True)
class Calibration:
    """p = sigmoid(a logit + b) with a > 0, so probabilities have the order of the logits."""

    a: float = 1.0
    b: float = 0.0

    def probability(self, logit: float) -> float:
        """Return the probability of fake, if real and fake are equally likely beforehand."""
        return float(expit(self.a * logit + self.b))

    def probabilities(self, logits: ArrayLike) -> np.ndarray:
        """Return the probability of fake for each of many logits."""
        return expit(self.a * np.asarray(logits, dtype=np.float64) + self.b)

    def log_odds(self, logit: float) -> float:
        """Return the calibrated log-odds; finite even if the probability rounds to 0 or 1."""
        return self.a * logit + self.b

    @classmethod
    def fit(cls, logits: ArrayLike, labels: ArrayLike) -> Calibration:
        """Fit by logistic regression of labels (N,) on logits (N,); see `fit_logistic`."""
        (a,), b = fit_logistic(np.asarray(logits, np.float64)[:, None], np.asarray(labels), FLATTEST)
        return cls(float(a), b)


def fit_logistic(logits_NF: np.ndarray, labels_N: np.ndarray, least: float = 0.0) -> tuple[np.ndarray, float]:
    """Fit a logistic regression of labels on F logits, with Platt's targets. Return weights (F,) and a bias.

    No weight is below `least`, for logits with a standard deviation of 1.

    Both classes have the same total weight, so the probability does not depend on the share of fakes in the corpus.
    Platt's targets, (n + 1) / (n + 2) for n fakes and 1 / (n + 2) for n reals, keep the fit finite if a threshold
    separates the classes.

    Raises:
        ValueError: a class is missing, or a logit is not finite.
    """
    fakes, reals = int((labels_N == 1).sum()), int((labels_N == 0).sum())
    if not fakes or not reals or fakes + reals != len(logits_NF):
        raise ValueError(f"calibration needs fakes and reals: {fakes} of {len(logits_NF)} are fake, {reals} are real")
    if not np.isfinite(logits_NF).all():
        raise ValueError("calibration needs finite logits")
    target_N = np.where(labels_N == 1, (fakes + 1) / (fakes + 2), 1 / (reals + 2))
    weight_N = np.where(labels_N == 1, 0.5 / fakes, 0.5 / reals)
    # Logits are scaled to a standard deviation of 1, so that `least` means the same for every network.
    scale_F = np.where(logits_NF.std(0) > 0, logits_NF.std(0), 1.0)
    scaled_NF = logits_NF / scale_F

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        x_N = scaled_NF @ weights[:-1] + weights[-1]
        value = -(weight_N * (target_N * log_expit(x_N) + (1 - target_N) * log_expit(-x_N))).sum()
        slope_N = weight_N * (expit(x_N) - target_N)
        return value, np.append(slope_N @ scaled_NF, slope_N.sum())

    count = logits_NF.shape[1]
    begin, bounds = np.append(np.full(count, 1 / count), 0.0), [(least, None)] * count + [(None, None)]
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds)
    return found.x[:-1] / scale_F, float(found.x[-1])


def best_threshold(probabilities_N: np.ndarray, labels_N: np.ndarray) -> float:
    """Return the threshold with the best balanced accuracy.

    Candidates are 0.5 and the values halfway between successive probabilities; of equals, the one nearest to 0.5.
    """
    scores = np.unique(probabilities_N)
    candidates = np.append((scores[1:] + scores[:-1]) / 2, 0.5)
    fake_N = labels_N == 1
    hits = np.array([(probabilities_N[fake_N] >= c).mean() + (probabilities_N[~fake_N] < c).mean() for c in candidates])
    best = candidates[hits >= hits.max() - 1e-12]
    return float(best[np.abs(best - 0.5).argmin()])
