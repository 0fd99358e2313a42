"""Does the mouth open when it gets loud? The synchrony that needs no learning (`npvf.faces.speaking`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from npvf.clip import Clip
from npvf.detect.detector import ClipScore
from npvf.faces.speaking import speaking_score

REACH = 2  # frames by which the sound may be early or late


class MouthEnergyScorer:
    """(1 - r) / 2, where r is how lip aperture and sound energy change together, at its best within `reach` frames.

    High where a forgery is likely, in [0, 1], but no calibrated probability.
    """

    def __init__(self, reach: int = REACH) -> None:
        self.reach = reach

    def score_clips(self, clips: Iterable[Clip]) -> Iterator[ClipScore]:
        """One score a clip."""
        for clip in clips:
            named = clip.meta.key, clip.meta.video, clip.meta.track
            if clip.meta.no_sound is not None:
                yield ClipScore(*named, None, "no sound")
            else:
                agreement = speaking_score(clip.landmarks_TN2, clip.audio_N, self.reach)
                yield ClipScore(*named, (1 - agreement) / 2, "")
