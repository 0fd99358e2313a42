"""The objectives of both stages: which losses, on which clips, with which weights."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from npvf.clip import FAKE, REAL
from npvf.losses.correlation import CorrelationAlignmentLoss
from npvf.losses.evolution import EvolutionConsistencyLoss
from npvf.losses.face_audio import FaceAudioLoss
from npvf.models.batch import Batch, Features, slice_segments
from npvf.models.npv import NPV, Fused, Projections

AlignOn = Literal["real", "all"]


class NPVObjective(nn.Module):
    """Stage 1: L = L_EC + cor_weight L_cor + info_weight L_Info, on real clips (weights are our choice).

    Args:
        ec_weight, cor_weight, info_weight: 0 switches a term off.
        temperature: tau of both contrastive terms.
        features_weight, difference_weight: see `EvolutionConsistencyLoss`.
        mu, correlation: see `CorrelationAlignmentLoss`.
        duplicate_frames: segments of one clip that start closer than this are near-duplicates and no negatives.
    """

    def __init__(
        self,
        ec_weight: float = 1.0,
        cor_weight: float = 1.0,
        info_weight: float = 1.0,
        temperature: float = 0.07,
        features_weight: float = 1.0,
        difference_weight: float = 0.5,
        mu: float = 5e-3,
        correlation: Literal["cross", "auto"] = "cross",
        duplicate_frames: int = 4,
    ) -> None:
        super().__init__()
        self.ec_weight, self.cor_weight, self.info_weight = ec_weight, cor_weight, info_weight
        self.duplicate_frames = duplicate_frames
        self.evolution = EvolutionConsistencyLoss(temperature, features_weight, difference_weight)
        self.face_audio = FaceAudioLoss(temperature)
        self.correlation = CorrelationAlignmentLoss(mu, correlation)

    def forward(self, model: NPV, batch: Batch, starts_BK: Tensor) -> dict[str, Tensor]:
        """The weighted "loss", each term, and the "collapse" monitors.

        Shape:
            starts: (B, K) long, first frames of the segments.
        """
        features = model.encode(batch)
        projections = model.project(features)
        terms: dict[str, Tensor] = {}
        if self.ec_weight:
            terms["ec"] = self.evolution_term(features, projections, starts_BK)
        if self.cor_weight:
            terms["cor"] = self.alignment_term(model.fuse(features.segments(starts_BK)))
        if self.info_weight:
            terms["info"] = self.face_audio(projections.face, projections.context, features.valid_BT, batch.identities)
        weights = {"ec": self.ec_weight, "cor": self.cor_weight, "info": self.info_weight}
        loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        monitors = {
            f"collapse_{name}": feature_deviation(getattr(projections, name)[features.valid_BT])
            for name in ("viseme", "audio")
        }
        return {"loss": loss, **terms, **monitors}

    def evolution_term(self, features: Features, projections: Projections, starts_BK: Tensor) -> Tensor:
        """L_EC of all segments of the batch against each other."""
        z_v, z_a, gate = (
            slice_segments(x, starts_BK).flatten(0, 1)
            for x in (projections.viseme, projections.audio, features.gate_BT)
        )
        return self.evolution(z_v, z_a, gate, near_duplicates(starts_BK, self.duplicate_frames))

    def alignment_term(self, fused: Fused) -> Tensor:
        """L_cor = Loss_va + Loss_fa' (16)."""
        return self.correlation(fused.viseme, fused.audio) + self.correlation(fused.face, fused.context)


class DetectionObjective(nn.Module):
    """Stage 2: L = L_ce (18) + auxiliary_weight (L_cor + L_Info + L_EC), the auxiliary terms on real clips only.

    A segment is fake where a forged interval covers at least `forged_share` of it.

    Args:
        auxiliary_weight: weight of each auxiliary term; 0 is plain cross-entropy.
        align_on: "real" is the paper's, "all" also aligns forgeries.
        forged_share: share of forged frames from which a segment is called fake.
    """

    def __init__(
        self,
        auxiliary_weight: float = 0.1,
        align_on: AlignOn = "real",
        forged_share: float = 0.25,
        temperature: float = 0.07,
    ) -> None:
        super().__init__()
        if align_on not in ("real", "all"):
            raise ValueError(f"align_on {align_on!r} is neither real nor all")
        self.auxiliary_weight = auxiliary_weight
        self.align_on = align_on
        self.forged_share = forged_share
        self.auxiliary = NPVObjective(temperature=temperature)

    def forward(self, model: NPV, batch: Batch, starts_BK: Tensor) -> dict[str, Tensor]:
        """The weighted "loss", its terms, and the "logits" (B, K) with their "targets" (B, K).

        Raises:
            ValueError: a clip without a label.
        """
        if bool((batch.label_B < REAL).any()):
            unknown = [key for key, label in zip(batch.keys, batch.label_B.tolist(), strict=True) if label < REAL]
            raise ValueError(f"fine-tuning needs a label for every clip; there is none for {', '.join(unknown[:5])}")
        features = model.encode(batch)
        segments = features.segments(starts_BK)
        fused = model.fuse(segments)
        logits_BK = model.segment_logits(segments, fused).view(starts_BK.shape)
        targets_BK = self.segment_targets(batch, starts_BK)
        terms = {"ce": nn.functional.binary_cross_entropy_with_logits(logits_BK, targets_BK)}
        loss = terms["ce"]
        if self.auxiliary_weight:
            auxiliary = self._auxiliary(model, batch, features, fused, starts_BK)
            loss = loss + self.auxiliary_weight * sum(auxiliary.values())
            terms.update(auxiliary)
        return {"loss": loss, **terms, "logits": logits_BK.detach(), "targets": targets_BK}

    def segment_targets(self, batch: Batch, starts_BK: Tensor) -> Tensor:
        """(B, K) float, 1 where the segment is forged."""
        share_BK = slice_segments(batch.forged_BT, starts_BK).float().mean(-1)
        return ((share_BK >= self.forged_share) & (batch.label_B[:, None] == FAKE)).float()

    def _auxiliary(
        self, model: NPV, batch: Batch, features: Features, fused: Fused, starts_BK: Tensor
    ) -> dict[str, Tensor]:
        keep_B = batch.label_B == REAL if self.align_on == "real" else torch.ones_like(batch.label_B, dtype=torch.bool)
        if int(keep_B.sum()) < 2:
            return {}
        keep_N = keep_B[:, None].expand_as(starts_BK).flatten()
        real = Features(**{name: getattr(features, name)[keep_B] for name in Features.__slots__})
        identities = [i for i, kept in zip(batch.identities, keep_B.tolist(), strict=True) if kept]
        projections = model.project(real)
        kept = Fused(*(getattr(fused, name)[keep_N] for name in Fused.__slots__))
        return {
            "ec": self.auxiliary.evolution_term(real, projections, starts_BK[keep_B]),
            "cor": self.auxiliary.alignment_term(kept),
            "info": self.auxiliary.face_audio(projections.face, projections.context, real.valid_BT, identities),
        }


def near_duplicates(starts_BK: Tensor, frames: int) -> Tensor:
    """(B K, B K) bool: pairs of segments of one clip whose starts are closer than `frames`."""
    B, K = starts_BK.shape
    start_N = starts_BK.flatten()
    clip_N = torch.arange(B, device=starts_BK.device).repeat_interleave(K)
    close_NN = (start_N[:, None] - start_N).abs() < frames
    return (clip_N[:, None] == clip_N) & close_NN


@torch.no_grad()
def feature_deviation(z_ND: Tensor) -> Tensor:
    """Mean deviation of unit features over 1 / sqrt(D): near 1 when they fill the sphere, near 0 when collapsed."""
    return z_ND.std(0).mean() * math.sqrt(z_ND.shape[-1])
