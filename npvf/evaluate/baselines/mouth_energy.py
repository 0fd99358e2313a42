"""Does the mouth open when it gets loud? The synchrony that needs no learning (`npvf.faces.speaking`)."""

from __future__ import annotations

from math import atanh

from npvf.clip import Clip
from npvf.detect.aggregate import ClipScore, DecisionSettings
from npvf.detect.predictor import Predictor
from npvf.faces.speaking import speaking_score

REACH = 2  # frames by which the sound may be early or late
_LARGEST = 1 - 1e-6  # of a correlation whose logit is finite


class MouthEnergyPredictor(Predictor):
    """(1 - r) / 2, where r is how lip aperture and sound energy change together, at its best within `reach` frames.

    High where a forgery is likely, in [0, 1], but no calibrated probability. A clip is judged as a whole.
    """

    def __init__(self, reach: int = REACH) -> None:
        self.reach = reach
        self.settings = DecisionSettings(name="mouth_energy", undecided=0.0)

    def score_clip(self, clip: Clip) -> ClipScore:
        """The logit of (1 - r) / 2."""
        r = max(-_LARGEST, min(_LARGEST, speaking_score(clip.landmarks_TN2, clip.audio_N, self.reach)))
        named = clip.meta.key, clip.meta.video, clip.meta.track
        return ClipScore(*named, logits=(-2 * atanh(r),), seconds=clip.seconds)
