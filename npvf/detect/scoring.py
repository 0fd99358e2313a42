"""Score one prepared clip: features, audio offset, and a logit for each segment."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from npvf.clip import FPS, SEGMENT_FRAMES, Clip
from npvf.data.datasets import collate
from npvf.data.transforms import ClipTransform
from npvf.metrics.sync import best_offset, offset_curve
from npvf.models.batch import Batch, Features
from npvf.models.npv.npv import NPV


@dataclass(frozen=True, slots=True)
class ScoringSettings:
    """The settings for scoring a clip.

    Args:
        hop: frames between the starts of segments.
        min_gate: gated frames that a segment needs to be judged.
        max_offset: the largest audio offset that is searched, in frames.
        natural_offset: an offset up to this many frames is attributed to encoder delay or editing. It is measured,
            reported, and corrected before scoring. Real files in the wild have offsets up to +7 frames. A larger
            offset is not corrected.
        offset_weight: the logits increase by this for each frame of a corrected offset. Forgeries agree best at any
            offset, real files mostly near 0, so an offset is weak evidence for a forgery.
        segments: the largest number of segments to judge in a clip, spread evenly over it; None: all.
        every_frame: compare lips and audio in every frame of a segment, and judge all segments. The offset is still
            searched on gated frames. The recogniser misses speech, and a mouth that rests in silence fits, too.
        within_natural: where the best offset is larger than `natural_offset`, score at the best one up to it.
    """

    hop: int = 12
    min_gate: int = 6
    max_offset: int = 15
    natural_offset: int = 7
    offset_weight: float = 0.2
    segments: int | None = None
    every_frame: bool = False
    within_natural: bool = False


@dataclass(slots=True)
class ScoredClip:
    """Segments of one clip with their logits, and the framewise agreement of lips and audio.

    Shapes:
        starts_K: first frames of the judged segments; logits_K: their fake logits, not calibrated.
        agreement_T: cosine of lips and audio after the offset was corrected; NaN in frames that are then without audio.
        gate_T: frames of speech that the gate lets pass. The offset is searched on them.
        compared_T: frames in which the score compares lips and audio: those of judged segments that have audio and
            pass the gate, or all of them that have audio with `ScoringSettings.every_frame`.
    """

    starts_K: np.ndarray
    logits_K: np.ndarray
    agreement_T: np.ndarray
    gate_T: np.ndarray
    compared_T: np.ndarray
    offset: int | None  # frames by which the audio is late; None if there is too little speech to measure it
    undone: bool  # True if the offset was at most `natural_offset` and was corrected before scoring
    curve_L: np.ndarray | None = None  # agreement at each offset that was searched; None without an offset

    @property
    def offset_s(self) -> float | None:
        """The offset in seconds."""
        return None if self.offset is None else self.offset / FPS


class ClipEncoder:
    """An encoder that keeps the features of the last clip, since two methods of a `Detector` ask for the same ones.

    Args:
        model: is put into evaluation mode.
    """

    def __init__(self, model: NPV) -> None:
        self.model = model.eval()
        self._last: tuple[weakref.ref[Clip], Features] | None = None

    def __call__(self, clip: Clip) -> Features:
        """Return the framewise features of one clip, (1, T, D), on the device of the model."""
        if self._last is None or self._last[0]() is not clip:
            self._last = weakref.ref(clip), encode_clip(self.model, clip)
        return self._last[1]

    def embed(self, clip: Clip) -> tuple[Tensor, Tensor]:
        """Return unit vectors of lips and audio in S_va, (T, P)."""
        with torch.no_grad():
            v_BTP, a_BTP = self.model.project_pair(self(clip))
        return v_BTP[0], a_BTP[0]


@torch.no_grad()
def encode_clip(model: NPV, clip: Clip) -> Features:
    """Return the framewise features of one clip, (1, T, D), on the device of the model."""
    return model.encode(_batch(model, clip), faces=model.head.sees_streams)


@torch.no_grad()
def embed_clip(model: NPV, clip: Clip) -> tuple[Tensor, Tensor, Tensor]:
    """Return what synchrony is measured on: unit vectors of lips and audio in S_va, (T, P), and the phone gate (T,)."""
    features = model.encode(_batch(model, clip), faces=False)
    v_BTP, a_BTP = model.project_pair(features)
    return v_BTP[0], a_BTP[0], features.gate_BT[0]


def _batch(model: NPV, clip: Clip) -> Batch:
    return collate([ClipTransform(model.config.inputs)(clip)]).to(next(model.parameters()).device)


def score_clip(model: NPV, clip: Clip, settings: ScoringSettings) -> ScoredClip:
    """Score a clip that is at least as long as one segment."""
    return score_features(model, encode_clip(model, clip), settings)


@torch.no_grad()
def score_features(model: NPV, features: Features, settings: ScoringSettings) -> ScoredClip:
    """Score one clip from its features, (1, T, D)."""
    curve_L = agreement_curve(model, features, settings.max_offset)
    offset = None if curve_L is None else int(best_offset(curve_L))
    undone = offset is not None and abs(offset) <= settings.natural_offset
    moved = offset if undone else _within(curve_L, settings)
    if moved is not None:
        features = features.shift_audio(torch.tensor([moved], device=features.gate_BT.device))
    judged = replace(features, gate_BT=features.valid_BT) if settings.every_frame else features
    passed_T = judged.gate_BT[0] & judged.valid_BT[0]
    starts_K = judged_segments(passed_T, settings)
    logits_K = model.logits(judged, starts_K[None])[0] if len(starts_K) else torch.zeros(0)
    if moved is not None:
        logits_K = logits_K + settings.offset_weight * abs(moved)
    agreement_BT = model.agreement(features).masked_fill(~features.valid_BT, torch.nan)
    return ScoredClip(
        starts_K=starts_K.cpu().numpy(),
        logits_K=logits_K.float().cpu().numpy(),
        agreement_T=agreement_BT[0].float().cpu().numpy(),
        gate_T=features.gate_BT[0].cpu().numpy(),
        compared_T=(passed_T & _within_segments(starts_K, len(passed_T))).cpu().numpy(),
        offset=offset,
        undone=undone,
        curve_L=None if curve_L is None else curve_L.float().cpu().numpy(),
    )


def _within_segments(starts_K: Tensor, frames: int) -> Tensor:
    """Return the frames that belong to a segment, (T,)."""
    inside_T = torch.zeros(frames, dtype=torch.bool, device=starts_K.device)
    for start in starts_K.tolist():
        inside_T[start : start + SEGMENT_FRAMES] = True
    return inside_T


def _within(curve_L: Tensor | None, settings: ScoringSettings) -> int | None:
    """Return the best offset of at most `natural_offset` frames, if it is asked for and known."""
    if curve_L is None or not settings.within_natural:
        return None
    beyond = settings.max_offset - settings.natural_offset
    return int(best_offset(curve_L[beyond : len(curve_L) - beyond]))


def find_offset(model: NPV, features: Features, max_offset: int) -> int | None:
    """Return the audio offset of a clip in frames, positive for late audio; None if there is too little speech."""
    curve_L = agreement_curve(model, features, max_offset)
    return None if curve_L is None else int(best_offset(curve_L))


def agreement_curve(model: NPV, features: Features, max_offset: int) -> Tensor | None:
    """Return the agreement at each offset up to `max_offset` frames; None if there is too little speech."""
    v_BTP, a_BTP = model.project_pair(features)
    curve_L = offset_curve(v_BTP[0], a_BTP[0], max_offset, features.gate_BT[0].float())
    return None if curve_L.isnan().any() else curve_L


def judged_segments(gate_T: Tensor, settings: ScoringSettings) -> Tensor:
    """Return the first frames (K,) of the segments with enough gated frames; the last segment ends with the clip."""
    last = len(gate_T) - SEGMENT_FRAMES
    starts = sorted({*range(0, last + 1, settings.hop), last})
    kept = [s for s in starts if int(gate_T[s : s + SEGMENT_FRAMES].sum()) >= settings.min_gate]
    if settings.segments is not None and settings.segments < len(kept):
        middles = (np.arange(settings.segments) + 0.5) / settings.segments * len(kept)
        kept = [kept[int(k)] for k in middles]
    return torch.tensor(kept, dtype=torch.long, device=gate_T.device)
