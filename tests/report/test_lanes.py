"""The segments of each method in a report."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from scipy.special import expit

from npvf.detect.aggregate import ClipScore
from npvf.detect.calibration import Calibration
from npvf.detect.findings import MOUTH_MOTION
from npvf.report.lanes import lanes_of
from tests.helpers.judged_video import tiny_detector


def test_a_segment_stands_on_the_scale_of_the_verdict() -> None:
    """A clip of one segment has the value that the whole clip has: both go through the method's own calibration."""
    detector = tiny_detector()
    part = detector.parts[MOUTH_MOTION]
    part.settings = replace(part.settings, calibration=Calibration(0.4, -0.5))
    score = ClipScore("a-t0-000", "a.mp4", 0, logits=(4.0,), starts=(0,))
    (lane,) = lanes_of(SimpleNamespace(score=SimpleNamespace(parts={MOUTH_MOTION: score})), [], detector)  # type: ignore[arg-type]
    assert lane.values_K[0] == pytest.approx(expit(detector.likelihood[MOUTH_MOTION].log_odds(0.4 * 4.0 - 0.5)))
