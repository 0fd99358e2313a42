"""Fuse NPV and ST-DDL to one probability. NPV tells at which time and phone a face looks forged, ST-DDL where."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit

from npvf.clip import PartVerdict
from npvf.detect.calibration import best_threshold, fit_logistic
from npvf.detect.fit_decision import undecided_for
from npvf.errors import NpvfError
from npvf.metrics.detection import auc

FOLDS = 20


@dataclass(frozen=True, slots=True)
class Opinion:
    """Calibrated log-odds that one face is forged, by each method; None, with a reason, if a method has no score."""

    speech: float | None
    picture: float | None
    speech_reason: str = ""
    picture_reason: str = ""

    @property
    def both(self) -> bool:
        """True if both methods have a score."""
        return self.speech is not None and self.picture is not None


@dataclass(frozen=True, slots=True)
class Fusion:
    """Fused log-odds = speech x (its log-odds) + picture x (its log-odds) + bias; both weights are at least 0.

    If one method has no score, the result is the calibrated log-odds of the other, without weight and bias.

    Args:
        speech, picture, bias: the coefficients.
        threshold: a face is fake from this fused probability on.
        undecided: a probability closer to the threshold than this is too close to call.
        people: number of people that the fusion was fitted on; None: unknown, or nothing was fitted.
    """

    speech: float = 1.0
    picture: float = 1.0
    bias: float = 0.0
    threshold: float = 0.5
    undecided: float = 0.05
    people: int | None = None

    @classmethod
    def fit(
        cls, opinions: Sequence[Opinion], labels: Sequence[int], people: Sequence[Hashable] | None = None
    ) -> Fusion:
        """Fit by logistic regression on faces that neither network was trained on; both classes have the same weight.

        If there are enough people, the threshold is chosen on held-out probabilities: coefficients are fitted without
        the person shown. If there are few, `undecided` is wider (`npvf.detect.fit_decision`).

        Args:
            opinions: the log-odds of N faces.
            labels: the labels of the faces.
            people: the identities of the faces; None: all are different.

        Raises:
            ValueError: a class is missing, or a face does not have both scores.
        """
        labels_N, people = np.asarray(labels), list(range(len(labels))) if people is None else people
        fused = cls._coefficients(opinions, labels_N)
        found_N = held_out(opinions, labels, people)
        threshold = best_threshold(expit(fused.log_odds(opinions)) if found_N is None else found_N, labels_N)
        count = len(set(people))
        return replace(fused, threshold=threshold, undecided=undecided_for(count), people=count)

    @classmethod
    def _coefficients(cls, opinions: Sequence[Opinion], labels_N: np.ndarray) -> Fusion:
        (speech, picture), bias = fit_logistic(_matrix(opinions), labels_N)
        return cls(float(speech), float(picture), bias)

    def log_odds(self, opinions: Sequence[Opinion]) -> np.ndarray:
        """Return the fused log-odds (N,) of faces that have both scores."""
        return _matrix(opinions) @ (self.speech, self.picture) + self.bias

    def probability(self, opinion: Opinion) -> float:
        """Return the fused probability of one face; the class describes the case of a missing score."""
        return float(expit(self.fused(opinion)))

    def fused(self, opinion: Opinion) -> float:
        """Return the fused log-odds of one face; the class describes the case of a missing score."""
        if opinion.both:
            return float(self.log_odds([opinion])[0])
        alone = opinion.picture if opinion.speech is None else opinion.speech
        if alone is None:
            raise ValueError("neither method has a score for this face")
        return alone

    def parts(self, opinion: Opinion) -> list[PartVerdict]:
        """Return the contribution of each part to the log-odds. Contributions and bias sum to them; shares sum to 1."""
        weights = {"speech": self.speech, "picture": self.picture} if opinion.both else {"speech": 1.0, "picture": 1.0}
        logits = {"speech": opinion.speech, "picture": opinion.picture}
        reasons = {"speech": opinion.speech_reason, "picture": opinion.picture_reason}
        adds = {name: 0.0 if logit is None else weights[name] * logit for name, logit in logits.items()}
        total = sum(map(abs, adds.values()))
        spoken = sum(logit is not None for logit in logits.values())
        return [
            PartVerdict(
                part=name,  # type: ignore[arg-type]
                fake_probability=None if logit is None else float(expit(logit)),
                logit=logit,
                contribution=adds[name],
                share=abs(adds[name]) / total if total else float(logit is not None) / max(spoken, 1),
                reason=reasons[name],
            )
            for name, logit in logits.items()
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the content for `config.json` under "fusion"."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Fusion:
        """Read the content of `config.json` under "fusion". Raises NpvfError if a key is unknown."""
        try:
            return cls(**content)
        except TypeError as error:
            raise NpvfError(f"this fusion is not from this version of npvf ({error}): run npvf fuse again") from error


def held_out(opinions: Sequence[Opinion], labels: Sequence[int], people: Sequence[Hashable]) -> np.ndarray | None:
    """Return fused probabilities (N,), with coefficients that were fitted on other people, to evaluate the fusion.

    The people are divided into at most `FOLDS` parts. Return None if a class is missing without one of the parts.
    """
    numbers = {person: number % FOLDS for number, person in enumerate(dict.fromkeys(people))}
    fold_N, labels_N = np.array([numbers[person] for person in people]), np.asarray(labels)
    found_N = np.full(len(labels_N), np.nan)
    for fold in sorted(set(numbers.values())):
        kept, asked = (np.flatnonzero(side).tolist() for side in (fold_N != fold, fold_N == fold))
        if len(set(labels_N[kept].tolist())) < 2:
            return None
        fusion = Fusion._coefficients([opinions[i] for i in kept], labels_N[kept])
        found_N[asked] = expit(fusion.log_odds([opinions[i] for i in asked]))
    return found_N


def fusion_figures(opinions: Sequence[Opinion], labels: Sequence[int], people: Sequence[Hashable]) -> dict[str, Any]:
    """Return the AUC of each part alone, and of the fusion on held-out people (None: there are too few people)."""
    logits_N2, fused_N = _matrix(opinions), held_out(opinions, labels, people)
    return {
        "videos": len(labels),
        "people": len(set(people)),
        "auc_speech": auc(logits_N2[:, 0], labels),
        "auc_picture": auc(logits_N2[:, 1], labels),
        "auc_fused_held_out": None if fused_N is None else auc(fused_N, labels),
    }


def _matrix(opinions: Sequence[Opinion]) -> np.ndarray:
    if not all(opinion.both for opinion in opinions):
        raise ValueError("a face does not have the scores of both methods: leave it out of the fit")
    return np.array([(opinion.speech, opinion.picture) for opinion in opinions], np.float64).reshape(-1, 2)
