"""Is there one offset at which sound and lips fit? The peak of the offset curve, and what follows from it.

| the peak | the best offset | sound and lips |
|---|---|---|
| stands out | small, so corrected | are compared there, and never disagree, whatever the likelihood ratio says |
| stands out | larger, up to the edge of the search | `out_of_sync`: the sound fits these lips, but earlier or later |
| is unknown | the speech is too short to search for it | never disagree |
| does not | any | disagree, if the likelihood ratio says so: a dub fits at no offset |
| does not | any | `out_of_sync`, if the likelihood ratio says that they agree: nothing says when |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from npvf.clip import FPS, Finding
from npvf.detect.aggregate import ClipScore
from npvf.detect.scoring import ScoredClip
from npvf.errors import Reason

NEAR = 4  # frames around the best offset that belong to its peak


def peak_height(curve_L: np.ndarray) -> float:
    """Return how far the best value of an offset curve is above those farther away, in their standard deviations.

    Genuine clips have 4 to 15, audio of another moment or mouth has 1.5 to 4 (`docs/evaluation.md`).

    Args:
        curve_L: agreement at each offset, as `npvf.metrics.sync.offset_curve` gives it, without NaN.
    """
    far_L = np.abs(np.arange(len(curve_L)) - curve_L.argmax()) > NEAR
    return float((curve_L.max() - curve_L[far_L].mean()) / max(float(curve_L[far_L].std()), 1e-6))


def sync_measurements(scored: ScoredClip) -> dict[str, float]:
    """Return the offset in frames, the height of its peak, and 1 if the offset was corrected before scoring."""
    found = {"seconds": len(scored.agreement_T) / FPS}
    if scored.offset is None or scored.curve_L is None:
        return found
    return {
        **found,
        "offset_frames": float(scored.offset),
        "offset_peak": peak_height(scored.curve_L),
        "offset_corrected": float(scored.undone),
    }


def without_late_sound(score: ClipScore, clear_peak: float) -> ClipScore:
    """Return the score of a clip, without logits if its sound fits the lips at an offset that was not corrected."""
    found = score.measurements
    if found.get("offset_corrected", 1.0) or found.get("offset_peak", 0.0) < clear_peak:
        return score
    seconds = found["offset_frames"] / FPS
    reason = (
        f"{Reason.OUT_OF_SYNC}: the sound fits these lips {abs(seconds):.2f} s {'late' if seconds > 0 else 'early'}"
    )
    return replace(score, logits=(), starts=(), reason=reason)


def with_peak(found: Finding, clips: Sequence[Mapping[str, float]], clear_peak: float) -> Finding:
    """Return the finding on sound and lips, corrected by the peaks of the clips of its face; the table is above."""
    peaks = [clip["offset_peak"] for clip in clips if "offset_peak" in clip]
    if not peaks:
        too_short = any("seconds" in clip for clip in clips) and found.statement == "disagree"
        return replace(found, statement="undecided") if too_short else found
    if max(peaks) >= clear_peak:
        return replace(found, statement="undecided") if found.statement == "disagree" else found
    if found.statement != "agree":
        return found
    reason = f"{Reason.OUT_OF_SYNC}: there is no offset at which sound and lips fit better than at others"
    return replace(found, statement="not_judged", log10_lr=None, bounds=None, words="", track=None, reason=reason)
