"""The segments of a clip for a timeline: a lane for each method that judges segments of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from npvf.clip import FPS, SEGMENT_FRAMES, SegmentVerdict
from npvf.detect.detector import Detector
from npvf.detect.evidence import ClipEvidence
from npvf.detect.findings import MOUTH_MOTION, SOUND_AND_LIPS
from npvf.detect.predictor import Predictor
from npvf.faces.mouth_motion import WINDOW


@dataclass(frozen=True, slots=True)
class Lane:
    """The segments of one clip by one method.

    Attributes:
        name: a short name, for the margin.
        meaning: what a value is, for the title of a segment.
        starts_K, values_K: first frames, counted from the start of the clip, and values from 0 to 1.
        length: frames of a segment.
        threshold: a segment is suspicious from this value on.
    """

    name: str
    meaning: str
    starts_K: np.ndarray
    values_K: np.ndarray
    length: int
    threshold: float


def lanes_of(item: ClipEvidence, segments: Sequence[SegmentVerdict], detector: Predictor) -> list[Lane]:
    """Return the lanes of a clip; `segments` are those of its track."""
    if isinstance(detector, Detector):
        return list(_by_method(item, detector))
    if item.scored is None:
        return []
    starts_K = np.array([round((s.start - item.span[0]) * FPS) for s in segments], int)
    here_K = (starts_K >= 0) & (starts_K < len(item.scored.agreement_T))  # the others are of another clip
    values_K = np.array([s.fake_probability for s in segments])[here_K]
    threshold = detector.settings.threshold
    return [Lane("fake", "probability of fake", starts_K[here_K], values_K, SEGMENT_FRAMES, threshold)]


def _by_method(item: ClipEvidence, detector: Detector) -> Iterator[Lane]:
    """Yield a lane for each method with segments.

    Its values are likelihood ratios as probabilities at equal odds, on the scale of the thresholds. The ratios were
    calibrated for whole videos: for one segment they rank, and are not evidence of that strength.
    """
    settings = detector.settings
    methods = (
        (SOUND_AND_LIPS, "sound", "sound and lips, mismatch", SEGMENT_FRAMES, settings.mismatch),
        (MOUTH_MOTION, "motion", "mouth motion, generated", WINDOW, settings.threshold),
    )
    for method, name, meaning, length, threshold in methods:
        part = item.score.parts.get(method)
        if part and part.starts:
            ratio, calibration = detector.likelihood[method], detector.parts[method].settings.calibration
            values_K = expit(np.array([ratio.log_odds(calibration.log_odds(logit)) for logit in part.logits]))
            yield Lane(name, meaning, np.array(part.starts, int), values_K, length, threshold)
