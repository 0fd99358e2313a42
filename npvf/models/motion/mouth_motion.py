"""`MouthMotion`: does a mouth move as people's mouths do, or as a generator draws it? A linear model, ours.

A network does worse here: with the few generators at hand it learns these (docs/results.md). So the model has no
parameter that a gradient fits. Each statistic becomes its normal score among training windows, and its weight is the
difference of the means of both classes. This is the direction of a logistic regression under strong regularisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from npvf.clip import MOTION_STATISTICS
from npvf.models.config import ModelConfig
from npvf.models.pretrained import PretrainedModel
from npvf.models.registry import register_model

AGREEMENT_STATISTICS = ("peak", "offset", "gap", "contrast", "low_tenth")
"""Numbers of the curve of agreement over offsets, see `npvf.detect.mouth_motion`."""


@dataclass(frozen=True, slots=True)
class MouthMotionConfig(ModelConfig):
    """Everything that makes the model, as JSON beside its weights.

    Args:
        name: the name in the registry.
        motion: names of the statistics of the mouth.
        agreement: names of the statistics of the agreement with the audio, which are not always known.
        knots: number of quantiles that a normal score is interpolated from.
        most_agreement: the largest logit that the agreement can add. A generated mouth adds about 1.5. In a studio, the
            lips of people are easy to follow, too, and their agreement alone must not decide.
    """

    family: ClassVar[str] = "mouth_motion"

    motion: tuple[str, ...] = MOTION_STATISTICS
    agreement: tuple[str, ...] = AGREEMENT_STATISTICS
    knots: int = 33
    most_agreement: float = 1.0

    def build(self, backbone_pretrained: bool | str = False) -> MouthMotion:
        return MouthMotion(self)


class MouthMotion(PretrainedModel):
    """One logit a window, from statistics of the mouth's motion and, where known, of its agreement with the audio.

    The agreement is evidence in one direction only: a mouth that was drawn from the audio follows it more closely than
    people's mouths do. A poor agreement has harmless reasons and is not evidence for a generator, so it counts like the
    median.

    Shape:
        motion (N, M), agreement (N, A) with NaN where it is unknown -> (N,) logits, above 0 for a generator. The scale
        is arbitrary until it is calibrated.
    """

    config: MouthMotionConfig
    knots_SK: Tensor
    weights_S: Tensor

    def __init__(self, config: MouthMotionConfig) -> None:
        super().__init__()
        self.config = config
        count = len(config.motion) + len(config.agreement)
        self.register_buffer("knots_SK", torch.linspace(-3, 3, config.knots).repeat(count, 1))
        self.register_buffer("weights_S", torch.zeros(count))

    def forward(self, motion_NM: Tensor, agreement_NA: Tensor) -> Tensor:
        scores_NS = self.normal_scores(torch.cat([motion_NM, agreement_NA], dim=1))
        motion_N = scores_NS[:, : motion_NM.shape[1]] @ self.weights_S[: motion_NM.shape[1]]
        follows_N = (scores_NS[:, motion_NM.shape[1] :] @ self.weights_S[motion_NM.shape[1] :]).nan_to_num(0.0)
        return motion_N + follows_N.clamp(0, self.config.most_agreement)

    def normal_scores(self, values_NS: Tensor) -> Tensor:
        """Return the normal score of each value among those of `fit`, within about +-2.2; NaN stays NaN."""
        return torch.stack([_normal_score(v_N, k_K) for v_N, k_K in zip(values_NS.T, self.knots_SK, strict=True)], 1)

    def fit(self, motion_NM: Tensor, agreement_NA: Tensor, fake_N: Tensor, weight_N: Tensor) -> MouthMotion:
        """Fit quantiles and weights on windows. Both classes have the same total weight. Return the model itself.

        Args:
            motion_NM: (N, M) statistics of the motion.
            agreement_NA: (N, A) statistics of the agreement; NaN where it is unknown.
            fake_N: bool, True if a generator drew the mouth.
            weight_N: relative weights, such that people and generators count alike.

        Raises:
            ValueError: a class is missing.
        """
        if bool(fake_N.all()) or not bool(fake_N.any()):
            raise ValueError("both genuine and generated mouths are needed")
        values_NS = torch.cat([motion_NM, agreement_NA], dim=1).double()
        weight_N = weight_N.double()
        sign_N = torch.where(fake_N, 1.0, -1.0).double()
        for s, values_N in enumerate(values_NS.T):
            known_N = ~values_N.isnan()
            if bool((fake_N & known_N).any()) and bool((~fake_N & known_N).any()):  # otherwise its weight stays 0
                balanced_N = _balanced(weight_N[known_N], fake_N[known_N])
                self.knots_SK[s] = _quantiles(values_N[known_N], balanced_N, self.config.knots)
                score_N = _normal_score(values_N[known_N], self.knots_SK[s].double())
                self.weights_S[s] = (balanced_N * sign_N[known_N] * score_N).sum()
        return self


def _balanced(weight_N: Tensor, fake_N: Tensor) -> Tensor:
    """Return weights of total 1 in each class."""
    return torch.where(fake_N, weight_N / weight_N[fake_N].sum(), weight_N / weight_N[~fake_N].sum())


def _quantiles(values_N: Tensor, weight_N: Tensor, knots: int) -> Tensor:
    """Return weighted quantiles at equal steps, (K,)."""
    order_N = values_N.argsort()
    share_N = weight_N[order_N].cumsum(0) / weight_N.sum()
    at_K = ((torch.arange(knots) + 0.5) / knots).double()
    return values_N[order_N][torch.searchsorted(share_N, at_K).clamp_max(len(values_N) - 1)]


def _normal_score(values_N: Tensor, knots_K: Tensor) -> Tensor:
    """Return normal scores by interpolation between quantiles."""
    count = len(knots_K)
    right_N = torch.searchsorted(knots_K.contiguous(), values_N.contiguous()).clamp(1, count - 1)
    low_N, high_N = knots_K[right_N - 1], knots_K[right_N]
    part_N = ((values_N - low_N) / (high_N - low_N).clamp_min(1e-9)).clamp(0, 1)
    share_N = (right_N - 1 + part_N + 0.5) / count
    return torch.special.ndtri(share_N).where(~values_N.isnan(), torch.nan)


@register_model
def mouth_motion() -> MouthMotionConfig:
    """Statistics of mouth geometry: 12 of its motion, 5 of its agreement with the audio."""
    return MouthMotionConfig(name="mouth_motion")
