"""From logits to probabilities that mean something: Platt scaling fitted on videos the network was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import expit, log_expit

# Least slope, for a logit of deviation 1. Where the fit finds nothing to tell by, on few people who happen to be in the
# wrong order, probabilities stay near 0.5 and keep theirs: other people may be told by it.
FLATTEST = 0.01


@dataclass(frozen=True, slots=True)
class Calibration:
    """p = sigmoid(a logit + b), a > 0: scores keep their order."""

    a: float = 1.0
    b: float = 0.0

    def probability(self, logit: float) -> float:
        """The probability of fake, where real and fake are equally likely beforehand."""
        return float(expit(self.a * logit + self.b))

    def probabilities(self, logits: ArrayLike) -> np.ndarray:
        """The same of many logits."""
        return expit(self.a * np.asarray(logits, dtype=np.float64) + self.b)

    def log_odds(self, logit: float) -> float:
        """Of the same probability; finite where that is 0 or 1 to the last digit."""
        return self.a * logit + self.b

    @classmethod
    def fit(cls, logits: ArrayLike, labels: ArrayLike) -> Calibration:
        """Logistic regression of labels (N,) on logits (N,); see `fit_logistic`."""
        (a,), b = fit_logistic(np.asarray(logits, np.float64)[:, None], np.asarray(labels), FLATTEST)
        return cls(float(a), b)


def fit_logistic(logits_NF: np.ndarray, labels_N: np.ndarray, least: float = 0.0) -> tuple[np.ndarray, float]:
    """Logistic regression of labels on F logits, with Platt's targets: weights (F,), and a bias.

    No weight is below `least`, for a logit of deviation 1.

    Both classes weigh the same whatever their numbers, so that the probability does not carry the share of fakes of the
    corpus it was fitted on. Platt's targets, (n + 1) / (n + 2) for n fakes and 1 / (n + 2) for n reals, keep the fit
    finite where a threshold parts the classes.

    Raises:
        ValueError: a class is missing, or a logit is not finite.
    """
    fakes, reals = int((labels_N == 1).sum()), int((labels_N == 0).sum())
    if not fakes or not reals or fakes + reals != len(logits_NF):
        raise ValueError(f"calibration needs fakes and reals, all labelled: {fakes} and {reals} of {len(logits_NF)}")
    if not np.isfinite(logits_NF).all():
        raise ValueError("calibration needs finite logits")
    target_N = np.where(labels_N == 1, (fakes + 1) / (fakes + 2), 1 / (reals + 2))
    weight_N = np.where(labels_N == 1, 0.5 / fakes, 0.5 / reals)
    # In units of the logits' own scale the problem looks the same for every network.
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
    """The threshold of best balanced accuracy; of several, the middle one between two scores nearest to 0.5."""
    scores = np.unique(probabilities_N)
    candidates = np.append((scores[1:] + scores[:-1]) / 2, 0.5)
    fake_N = labels_N == 1
    hits = np.array([(probabilities_N[fake_N] >= c).mean() + (probabilities_N[~fake_N] < c).mean() for c in candidates])
    best = candidates[hits >= hits.max() - 1e-12]
    return float(best[np.abs(best - 0.5).argmin()])
