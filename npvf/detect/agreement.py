"""What pre-training alone says of a clip: lips and sound agree, or they do not. No forgery was ever shown to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from npvf.clip import Clip
from npvf.detect.detector import ClipScore
from npvf.detect.scoring import embed_clip
from npvf.metrics.synchrony import MIN_FRAMES, offset_curve
from npvf.models.npv import NPV


class AgreementScorer:
    """Scores clips by the mean framewise cosine of lips and sound on gated frames, at its best within `reach` frames.

    The score is (1 - cosine) / 2: high where a forgery is likely, in [0, 1], but no calibrated probability.

    Args:
        model: a pre-trained encoder; its `inputs.gate` says which frames count.
        reach: frames by which the sound may be early or late.
    """

    def __init__(self, model: NPV, reach: int = 2) -> None:
        self.model = model.eval()
        self.reach = reach

    @torch.no_grad()
    def score_clips(self, clips: Iterable[Clip]) -> Iterator[ClipScore]:
        """One score a clip, for evaluation; none where the gate leaves too few frames."""
        for clip in clips:
            named = clip.meta.key, clip.meta.video, clip.meta.track
            v_TD, a_TD, gate_T = embed_clip(self.model, clip)
            curve_L = offset_curve(v_TD, a_TD, self.reach, gate_T)
            if bool(curve_L.isnan().all()):
                yield ClipScore(*named, None, f"too few gated frames: {int(gate_T.sum())} of {MIN_FRAMES}")
            else:
                yield ClipScore(*named, (1 - float(curve_L.nan_to_num(-1).max().clamp(-1, 1))) / 2, "")
