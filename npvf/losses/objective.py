"""The objectives of both stages: which losses, on which clips, with which weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn

from npvf.clip import FAKE, REAL
from npvf.losses.correlation import CorrelationAlignmentLoss
from npvf.losses.evolution import EvolutionConsistencyLoss
from npvf.losses.face_audio import FaceAudioLoss
from npvf.losses.feature_fakes import FeatureFakes
from npvf.losses.representations import Context, Representations, represent
from npvf.models.batch import Batch, Features, slice_segments
from npvf.models.npv.npv import NPV, Fused, Projections

AlignOn = Literal["real", "all"]


@dataclass(frozen=True)  # no slots: jsonargparse reads defaults through vars()
class NPVLosses:
    """Weights and settings of `NPVObjective`. The paper publishes none of them; the defaults are our choice.

    Args:
        ec_weight: weight of L_EC; 0 switches the term off, here and below.
        cor_weight: weight of L_cor.
        info_weight: weight of L_Info.
        temperature: tau of both contrastive terms.
        features_weight: see `EvolutionConsistencyLoss`.
        difference_weight: see `EvolutionConsistencyLoss`.
        mu: see `CorrelationAlignmentLoss`.
        correlation: see `CorrelationAlignmentLoss`.
        context: what F and A' of L_Info are pooled over: the whole "clip" or each "segment".
        duplicate_frames: two segments of one video that start closer than this are near-duplicates and are not used as
            negatives of each other, also if they lie in different windows of the video.
        same_clip: use segments of the same video as negatives if they are farther apart. They are the hardest ones,
            since everything agrees except the moment, and they teach the offset. If false, segments are compared with
            other videos only.
        gather: compare with the clips of all ranks, in all three terms (see `gather_rows`). If false, each rank
            compares its own clips, and L_cor estimates the correlation from its own tokens only.
    """

    ec_weight: float = 1.0
    cor_weight: float = 1.0
    info_weight: float = 1.0
    temperature: float = 0.07
    features_weight: float = 1.0
    difference_weight: float = 0.5
    mu: float = 5e-3
    correlation: Literal["cross", "auto"] = "cross"
    context: Context = "clip"
    duplicate_frames: int = 4
    same_clip: bool = True
    gather: bool = True


@dataclass(frozen=True)
class DetectionLosses:
    """Weights and settings of `DetectionObjective`.

    Args:
        auxiliary_weight: weight of the auxiliary terms; 0 is plain cross-entropy.
        auxiliary: settings of the `NPVObjective` that the auxiliary terms come from, as in stage 1.
        align_on: which clips the auxiliary terms run over: "real" as in the paper, or "all", forgeries included.
        forged_share: a segment is labelled fake if at least this share of its frames is forged.
        feature_fakes: fakes made of genuine clips' features.
    """

    auxiliary_weight: float = 0.1
    auxiliary: NPVLosses = field(default_factory=NPVLosses)
    align_on: AlignOn = "real"
    forged_share: float = 0.25
    feature_fakes: FeatureFakes = field(default_factory=FeatureFakes)


class NPVObjective(nn.Module):
    """Stage 1: L = ec_weight L_EC + cor_weight L_cor + info_weight L_Info, on real clips.

    It works in two steps, so that clips may come from other ranks or from a cache in between: `represent` runs the
    network, and `compare` takes the representations and does not need the network.

    Args:
        losses: weights and settings; None: the defaults.

    Raises:
        ValueError: an unknown `losses.context`.
    """

    def __init__(self, losses: NPVLosses | None = None) -> None:
        super().__init__()
        losses = losses or NPVLosses()
        if losses.context not in ("clip", "segment"):
            raise ValueError(f"context must be 'clip' or 'segment', not {losses.context!r}")
        self.context = losses.context
        self.ec_weight, self.cor_weight, self.info_weight = losses.ec_weight, losses.cor_weight, losses.info_weight
        self.duplicate_frames, self.same_clip, self.gather = losses.duplicate_frames, losses.same_clip, losses.gather
        self.evolution = EvolutionConsistencyLoss(losses.temperature, losses.features_weight, losses.difference_weight)
        self.face_audio = FaceAudioLoss(losses.temperature)
        self.correlation = CorrelationAlignmentLoss(losses.mu, losses.correlation)

    def forward(self, model: NPV, batch: Batch, starts_BK: Tensor) -> dict[str, Tensor]:
        """The weighted "loss", each term, and the "collapse" monitors.

        Shape:
            starts: (B, K) long, first frames of the segments.
        """
        return self.compare(self.represent(model, batch, starts_BK))

    def represent(self, model: NPV, batch: Batch, starts_BK: Tensor) -> Representations:
        """Run the network on some clips. Clips do not see each other here, except in batch statistics."""
        features = model.encode(batch)
        fused = model.fuse(features.segments(starts_BK)) if self.cor_weight else None
        return represent(model.project(features), features, fused, batch, starts_BK, self.context)

    def compare(self, own: Representations) -> dict[str, Tensor]:
        """Return the same as `forward`, from the clips of this rank; in single precision, also under autocast."""
        with torch.autocast(own.viseme_BKSP.device.type, enabled=False):
            clips = own.gathered() if self.gather else own
            terms = self.terms(clips)
            monitors = {
                "collapse_viseme": feature_deviation(clips.viseme_BKSP.flatten(0, 2)),
                "collapse_audio": feature_deviation(clips.audio_BKSP.flatten(0, 2)),
            }
            return {"loss": self.weighted(terms), **terms, **monitors}

    def terms(self, clips: Representations) -> dict[str, Tensor]:
        """Each term that has a weight and something to compare."""
        terms: dict[str, Tensor] = {}
        if self.ec_weight:
            excluded_NN = no_negatives(clips.start_BK, clips.video_B, self.duplicate_frames, self.same_clip)
            z_v, z_a, gate = (x.flatten(0, 1) for x in (clips.viseme_BKSP, clips.audio_BKSP, clips.gate_BKS))
            terms["ec"] = self.evolution(z_v, z_a, gate, excluded_NN)
        if self.cor_weight:
            terms["cor"] = self.alignment_term(clips.fused())
        if self.info_weight and clips.face_BLP.shape[-1]:
            identity_N = clips.identity_B.repeat_interleave(clips.face_BLP.shape[1])
            terms["info"] = self.face_audio(clips.face_BLP.flatten(0, 1), clips.voice_BLP.flatten(0, 1), identity_N)
        return terms

    def weighted(self, terms: dict[str, Tensor]) -> Tensor:
        """The terms' sum."""
        weights = {"ec": self.ec_weight, "cor": self.cor_weight, "info": self.info_weight}
        return torch.stack([weights[name] * term for name, term in terms.items()]).sum()

    def alignment_term(self, fused: Fused) -> Tensor:
        """L_cor = Loss_va + Loss_fa' (16), its first half where there is no face stream."""
        loss_va = self.correlation(fused.viseme, fused.audio)
        return loss_va + self.correlation(fused.face, fused.context) if fused.face.shape[-1] else loss_va


class DetectionObjective(nn.Module):
    """Stage 2: L = L_ce (18) + weight L_fakes + auxiliary_weight (L_cor + L_Info + L_EC).

    The auxiliary terms are computed on real clips only. L_fakes, the same cross-entropy over fakes made of genuine
    clips' features, is ours; see `FeatureFakes`. All clips go through the encoders, the projections and the head once,
    so batch norms see each clip once.

    A segment is fake where a forged interval covers at least `forged_share` of it. The head learns from sound as it
    lies in the file, while a detector first moves the sound of a clip to its best lag (`npvf.detect.scoring`).

    Args:
        losses: weights and settings; None: the defaults.

    Raises:
        ValueError: an unknown `losses.align_on`.
    """

    def __init__(self, losses: DetectionLosses | None = None) -> None:
        super().__init__()
        losses = losses or DetectionLosses()
        if losses.align_on not in ("real", "all"):
            raise ValueError(f"align_on must be 'real' or 'all', not {losses.align_on!r}")
        self.auxiliary_weight = losses.auxiliary_weight
        self.align_on = losses.align_on
        self.forged_share = losses.forged_share
        self.auxiliary = NPVObjective(losses.auxiliary)
        self.feature_fakes = losses.feature_fakes

    def forward(self, model: NPV, batch: Batch, starts_BK: Tensor) -> dict[str, Tensor]:
        """The weighted "loss", its terms, and the "logits" (B, K) with their "targets" (B, K).

        Raises:
            ValueError: a clip without a label.
        """
        if bool((batch.label_B < REAL).any()):
            unknown = [key for key, label in zip(batch.keys, batch.label_B.tolist(), strict=True) if label < REAL]
            raise ValueError(f"fine-tuning needs a label for every clip; there is none for {', '.join(unknown[:5])}")
        features = model.encode(batch)
        projections = model.project(features)
        targets_BK = self.segment_targets(batch, starts_BK)
        fakes = self._fakes(batch, features, projections, starts_BK)
        judged = [Judged(features, projections.viseme, projections.audio, starts_BK, targets_BK), *fakes]
        logits, fused = judge(model, judged)
        terms = {"ce": binary_cross_entropy(logits[0], targets_BK)}
        loss = terms["ce"]
        for fake, logits_FK in zip(fakes, logits[1:], strict=True):
            terms["fakes"] = binary_cross_entropy(logits_FK, fake.targets_BK, fake.counted(self.feature_fakes.min_gate))
            loss = loss + self.feature_fakes.weight * terms["fakes"]
        if self.auxiliary_weight:
            auxiliary = self._auxiliary(batch, features, projections, fused, starts_BK)
            if auxiliary:
                loss = loss + self.auxiliary_weight * self.auxiliary.weighted(auxiliary)
            terms.update(auxiliary)
        return {"loss": loss, **terms, "logits": logits[0].detach(), "targets": targets_BK}

    def _fakes(self, batch: Batch, features: Features, projections: Projections, starts_BK: Tensor) -> list[Judged]:
        """One fake of each genuine clip; an empty list where there is none, or fakes are switched off."""
        rows = (batch.label_B == REAL).nonzero().flatten().tolist()
        if not (rows and self.feature_fakes.weight):
            return []
        genuine = features.rows(rows)
        lengths = genuine.valid_BT.sum(1).tolist()
        sounds = self.feature_fakes.draw([batch.videos[row] for row in rows], lengths, genuine.valid_BT.shape[1])
        sounds = sounds.to(starts_BK.device)
        made = replace(
            genuine,
            audio_BTD=sounds.of(genuine.audio_BTD),
            context_BTD=sounds.of(genuine.context_BTD),
            gate_BT=sounds.of(genuine.gate_BT) & genuine.valid_BT,
        )
        z_v, z_a, starts = projections.viseme[rows], sounds.of(projections.audio[rows]), starts_BK[rows]
        return [Judged(made, z_v, z_a, starts, self._forged_enough(sounds.forged_BT, starts))]

    def segment_targets(self, batch: Batch, starts_BK: Tensor) -> Tensor:
        """(B, K) float, 1 where the segment is forged."""
        return self._forged_enough(batch.forged_BT, starts_BK) * (batch.label_B[:, None] == FAKE)

    def _forged_enough(self, forged_BT: Tensor, starts_BK: Tensor) -> Tensor:
        share_BK = slice_segments(forged_BT, starts_BK).float().mean(-1)
        return (share_BK >= self.forged_share).float()

    def _auxiliary(
        self, batch: Batch, features: Features, projections: Projections, fused: Fused, starts_BK: Tensor
    ) -> dict[str, Tensor]:
        keep_B = batch.label_B == REAL if self.align_on == "real" else torch.ones_like(batch.label_B, dtype=torch.bool)
        # A rank without a real clip still takes part in the gathering, with no row.
        seen_B = keep_B if bool(keep_B.any()) else torch.ones_like(keep_B)
        seen_N = seen_B[:, None].expand_as(starts_BK).flatten()
        aligned = Fused(*(getattr(fused, name)[seen_N] for name in Fused.__slots__))
        projected = Projections(*(getattr(projections, name)[seen_B] for name in Projections.__slots__))
        rows, starts = batch.rows(seen_B), starts_BK[seen_B]
        own = represent(projected, features.rows(seen_B), aligned, rows, starts, self.auxiliary.context)
        own = own.rows(keep_B[seen_B])
        with torch.autocast(starts_BK.device.type, enabled=False):
            clips = own.gathered() if self.auxiliary.gather else own
            return self.auxiliary.terms(clips) if len(clips) >= 2 else {}


@dataclass(slots=True)
class Judged:
    """Clips whose segments the head judges: features, V and A in S_va, first frames (B, K), and targets (B, K)."""

    features: Features
    viseme_BTP: Tensor
    audio_BTP: Tensor
    starts_BK: Tensor
    targets_BK: Tensor

    def counted(self, min_gate: int) -> Tensor:
        """(B, K) bool: segments with at least `min_gate` gated frames."""
        return slice_segments(self.features.gate_BT, self.starts_BK).sum(-1) >= min_gate


def judge(model: NPV, parts: list[Judged]) -> tuple[list[Tensor], Fused]:
    """The fake logits (B, K) of each part, from one pass of the head over all, and the first part's fused streams."""
    segments = Features.joined([part.features.segments(part.starts_BK) for part in parts])
    z_v = torch.cat([slice_segments(part.viseme_BTP, part.starts_BK).flatten(0, 1) for part in parts])
    z_a = torch.cat([slice_segments(part.audio_BTP, part.starts_BK).flatten(0, 1) for part in parts])
    fused = model.fuse(segments)
    logits = model.segment_logits(fused, z_v, z_a, segments.gate_BT).split([part.starts_BK.numel() for part in parts])
    first = Fused(*(getattr(fused, name)[: parts[0].starts_BK.numel()] for name in Fused.__slots__))
    return [found.view(part.starts_BK.shape) for found, part in zip(logits, parts, strict=True)], first


def binary_cross_entropy(logits_BK: Tensor, targets_BK: Tensor, counted_BK: Tensor | None = None) -> Tensor:
    """Equation 18, the mean over segments that count; 0 where none does."""
    loss_BK = nn.functional.binary_cross_entropy_with_logits(logits_BK, targets_BK, reduction="none")
    if counted_BK is None:
        return loss_BK.mean()
    return (loss_BK * counted_BK).sum() / counted_BK.sum().clamp_min(1)


def no_negatives(start_BK: Tensor, video_B: Tensor, duplicate_frames: int, same_clip: bool = True) -> Tensor:
    """(B K, B K) bool: pairs of segments of one video that start closer than `duplicate_frames`.

    Without `same_clip`, all pairs of one video.
    """
    start_N = start_BK.flatten()
    video_N = video_B.repeat_interleave(start_BK.shape[1])
    same_NN = video_N[:, None] == video_N
    if not same_clip:
        return same_NN
    return same_NN & ((start_N[:, None] - start_N).abs() < duplicate_frames)


@torch.no_grad()
def feature_deviation(z_ND: Tensor) -> Tensor:
    """Mean deviation of unit features over 1 / sqrt(D): near 1 when they fill the sphere, near 0 when collapsed."""
    return z_ND.std(0).mean() * math.sqrt(z_ND.shape[-1])
