"""Baseline: the silence at the start of a video. In some corpora it is enough to separate fakes from reals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import exp

from npvf.clip import Clip
from npvf.detect.detector import ClipScore
from npvf.speech.silence import quiet_start

SCALE_S = 0.1  # only makes a share of seconds: 0.07 s give 0.5


class SilenceScorer:
    """The longer the silence at the start, the more a fake. In [0, 1), but no calibrated probability.

    Only the first clip of a video says anything, and it starts where its face comes into view; others are not judged.
    """

    def score_clips(self, clips: Iterable[Clip]) -> Iterator[ClipScore]:
        """One score a video, with the clips of each in their order."""
        seen: set[str] = set()
        for clip in clips:
            named = clip.meta.key, clip.meta.video, clip.meta.track
            if clip.meta.no_sound is not None:
                yield ClipScore(*named, None, "no sound")
            elif clip.meta.video in seen:
                yield ClipScore(*named, None, "not the start of its video")
            else:
                yield ClipScore(*named, 1 - exp(-quiet_start(clip.audio_N) / SCALE_S), "")
            seen.add(clip.meta.video)
