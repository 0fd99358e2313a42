"""`PortableMouthMotion`: `MouthMotion` in operations that ONNX has."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from npvf.models.motion.mouth_motion import MouthMotion

# The inverse of the normal distribution by P. J. Acklam's rational functions, relative error below 1.15e-9. Own code,
# because ONNX has no such operation and torch.special.ndtri is not decomposed into ones that it has.
_A = (
    -3.969683028665376e01,
    2.209460984245205e02,
    -2.759285104469687e02,
    1.383577518672690e02,
    -3.066479806614716e01,
    2.506628277459239e00,
)
_B = (
    -5.447609879822406e01,
    1.615858368580409e02,
    -1.556989798598866e02,
    6.680131188771972e01,
    -1.328068155288572e01,
    1.0,
)
_C = (
    -7.784894002430293e-03,
    -3.223964580411365e-01,
    -2.400758277161838e00,
    -2.549732539343734e00,
    4.374664141464968e00,
    2.938163982698783e00,
)
_D = (7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e00, 3.754408661907416e00, 1.0)
_TAIL = 0.02425


class PortableMouthMotion(nn.Module):
    """One logit a window; see `MouthMotion` for the shapes. Parity is tested."""

    knots_SK: Tensor
    weights_S: Tensor

    def __init__(self, model: MouthMotion) -> None:
        super().__init__()
        self.most = model.config.most_agreement
        self.register_buffer("knots_SK", model.knots_SK.clone())
        self.register_buffer("weights_S", model.weights_S.clone())

    def forward(self, motion: Tensor, agreement: Tensor) -> Tensor:
        values_NS = torch.cat([motion, agreement], dim=1)
        unknown_NS = values_NS.isnan()
        scores_NS = self._normal_scores(values_NS.nan_to_num(0.0))
        parts_NS = torch.where(unknown_NS, 0.0, scores_NS) * self.weights_S
        count = motion.shape[1]
        follows_N = parts_NS[:, count:].sum(1)
        # As in `MouthMotion`: if one statistic of the agreement is unknown, none counts.
        follows_N = torch.where(unknown_NS[:, count:].any(1), 0.0, follows_N)
        return parts_NS[:, :count].sum(1) + follows_N.clamp_min(0.0).clamp_max(self.most)

    def _normal_scores(self, values_NS: Tensor) -> Tensor:
        count = self.knots_SK.shape[1]
        below_NS = (self.knots_SK < values_NS[..., None]).sum(-1)  # what searchsorted returns
        right_NS = below_NS.clamp(1, count - 1)
        knots_NSK = self.knots_SK.expand(values_NS.shape[0], -1, -1)
        low_NS = knots_NSK.gather(2, (right_NS - 1)[..., None]).squeeze(-1)
        high_NS = knots_NSK.gather(2, right_NS[..., None]).squeeze(-1)
        part_NS = ((values_NS - low_NS) / (high_NS - low_NS).clamp_min(1e-9)).clamp(0, 1)
        return inverse_normal((right_NS - 1 + part_NS + 0.5) / count).float()


def inverse_normal(p: Tensor) -> Tensor:
    """Return the standard normal quantile of probabilities in (0, 1)."""
    p = p.double()  # the rational functions lose digits in single precision
    q = p - 0.5
    r = q * q
    middle = _polynomial(_A, r) * q / _polynomial(_B, r)
    tail = torch.sqrt(-2 * torch.log(torch.minimum(p, 1 - p).clamp_min(1e-30)))
    outer = _polynomial(_C, tail) / _polynomial(_D, tail) * torch.where(p < 0.5, 1.0, -1.0)
    return torch.where((p - 0.5).abs() > 0.5 - _TAIL, outer, middle)


def _polynomial(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    value = torch.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value
