"""What pre-training alone says of a clip: lips and sound agree, or they do not. No forgery was ever shown to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from npvf.clip import SEGMENT_FRAMES, Clip
from npvf.detect.detector import ClipScore
from npvf.detect.scoring import ScoringSettings, embed_clip, judged_segments
from npvf.metrics.sync import MIN_FRAMES, offset_curve
from npvf.models.npv.npv import NPV


class AgreementScorer:
    """Scores clips by the mean framewise cosine of lips and sound on gated frames, at its best within `reach` frames.

    The score is (1 - cosine) / 2: high where a forgery is likely, in [0, 1], but no calibrated probability.

    Args:
        model: a pre-trained encoder; its `inputs.gate` says which frames count.
        reach: frames by which the sound may be early or late.
        settings: which segments are scored on their own as well.
    """

    def __init__(self, model: NPV, reach: int = 2, settings: ScoringSettings | None = None) -> None:
        self.model = model.eval()
        self.reach = reach
        self.settings = settings or ScoringSettings()

    @torch.no_grad()
    def score_clips(self, clips: Iterable[Clip]) -> Iterator[ClipScore]:
        """One score a clip, for evaluation; none where the gate leaves too few frames."""
        for clip in clips:
            named = clip.meta.key, clip.meta.video, clip.meta.track
            v_TD, a_TD, gate_T = embed_clip(self.model, clip)
            curve_L = offset_curve(v_TD, a_TD, self.reach, gate_T)
            if bool(curve_L.isnan().all()):
                yield ClipScore(*named, None, f"too few gated frames: {int(gate_T.sum())} of {MIN_FRAMES}")
                continue
            best = int(curve_L.nan_to_num(-1).argmax())
            starts, fakes = self._segments(v_TD, a_TD, gate_T, lag=best - self.reach)
            yield ClipScore(*named, _fake(float(curve_L[best])), "", starts, fakes)

    def _segments(
        self, v_TD: Tensor, a_TD: Tensor, gate_T: Tensor, lag: int
    ) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """First frames of the segments on the pictures' clock, and their scores, with the sound at its best lag."""
        first_v, first_a, frames = max(0, -lag), max(0, lag), len(gate_T) - abs(lag)
        gate_T = gate_T[first_a : first_a + frames]
        cosine_T = (v_TD[first_v : first_v + frames] * a_TD[first_a : first_a + frames]).sum(-1)
        starts = judged_segments(gate_T, self.settings).tolist()
        pieces = [slice(s, s + SEGMENT_FRAMES) for s in starts]
        fakes = [_fake(float(cosine_T[piece][gate_T[piece]].mean())) for piece in pieces]
        return tuple(first_v + s for s in starts), tuple(fakes)


def _fake(cosine: float) -> float:
    return (1 - min(max(cosine, -1.0), 1.0)) / 2
