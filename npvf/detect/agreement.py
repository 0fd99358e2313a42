"""Score clips with a pre-trained encoder alone, by the agreement of lips and audio. It was not trained on forgeries."""

from __future__ import annotations

import torch
from torch import Tensor

from npvf.clip import SEGMENT_FRAMES, Clip
from npvf.detect.aggregate import ClipScore, DecisionSettings
from npvf.detect.predictor import Predictor, not_judged
from npvf.detect.scoring import ScoringSettings, embed_clip, judged_segments
from npvf.metrics.sync import MIN_FRAMES, offset_curve
from npvf.models.npv.npv import NPV

SETTINGS = DecisionSettings(name="agreement", undecided=0.0)


class AgreementPredictor(Predictor):
    """Scores segments by the mean framewise cosine of lips and audio on gated frames.

    First, the audio of each clip is shifted by at most `reach` frames, to the offset at which it matches the lips best.
    The logit of a segment is log((1 - cosine) / (1 + cosine)), so its "probability" is (1 - cosine) / 2: it is in
    [0, 1] and high for a likely forgery, but it is not calibrated.

    Args:
        model: a pre-trained encoder; its `inputs.gate` selects the frames that count.
        reach: the largest offset of the audio, early or late, in frames.
        scoring: the selection of segments.
        settings: from logits to a verdict.
    """

    def __init__(
        self,
        model: NPV,
        reach: int = 2,
        scoring: ScoringSettings | None = None,
        settings: DecisionSettings = SETTINGS,
    ) -> None:
        self.model = model.eval()
        self.reach = reach
        self.scoring = scoring or ScoringSettings()
        self.settings = settings

    @torch.no_grad()
    def score_clip(self, clip: Clip) -> ClipScore:
        """Return a logit for each segment; none if the gate leaves too few frames."""
        v_TD, a_TD, gate_T = embed_clip(self.model, clip)
        curve_L = offset_curve(v_TD, a_TD, self.reach, gate_T)
        if bool(curve_L.isnan().all()):
            return not_judged(clip.meta, f"too_little_speech: {int(gate_T.sum())} of {MIN_FRAMES} gated frames")
        lag = int(curve_L.nan_to_num(-1).argmax()) - self.reach
        starts, cosines = self._segments(v_TD, a_TD, gate_T, lag)
        logits_K = -2 * torch.atanh(torch.tensor(cosines, dtype=torch.float64).clamp(-1 + 1e-6, 1 - 1e-6))
        return ClipScore(clip.meta.key, clip.meta.video, clip.meta.track, tuple(logits_K.tolist()), starts, speech=0.0)

    def _segments(self, v_TD: Tensor, a_TD: Tensor, gate_T: Tensor, lag: int) -> tuple[tuple[int, ...], list[float]]:
        """Return the first video frames of the segments and their cosines, with the audio shifted by `lag` frames."""
        first_v, first_a, frames = max(0, -lag), max(0, lag), len(gate_T) - abs(lag)
        gate_T = gate_T[first_a : first_a + frames]
        cosine_T = (v_TD[first_v : first_v + frames] * a_TD[first_a : first_a + frames]).sum(-1)
        starts = judged_segments(gate_T, self.scoring).tolist()
        pieces = [slice(s, s + SEGMENT_FRAMES) for s in starts]
        return tuple(first_v + s for s in starts), [float(cosine_T[p][gate_T[p]].mean()) for p in pieces]
