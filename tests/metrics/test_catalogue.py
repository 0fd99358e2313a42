"""Every metric that a protocol measures has a title, so that no page or table leaves it out."""

from __future__ import annotations

import numpy as np
import pytest

from npvf.metrics import Bootstrap, Estimate, Interval, Proposals, detection_metrics, localization_metrics
from npvf.metrics.catalogue import DETECTION, PIXELS, SYNCHRONY, TEMPORAL_LOCALIZATION, estimate_text, interval_text
from npvf.metrics.pixels import PixelTally, pixel_metrics
from npvf.metrics.sync_embeddings import CorrelatedCurves
from npvf.metrics.sync_protocol import Settings, measure_synchrony

NO_INTERVALS = Bootstrap(0)


def test_every_metric_is_in_the_catalogue() -> None:
    detection = detection_metrics([0.2, 0.7], [0, 1], bootstrap=NO_INTERVALS)
    assert set(detection) | {"auc_all", "fpr_all", "tpr_all"} == set(DETECTION)
    span = np.array([[0.0, 1.0]])
    located = localization_metrics([Proposals(span, np.ones(1))], [span], bootstrap=NO_INTERVALS)
    assert list(located) == list(TEMPORAL_LOCALIZATION)
    tally = PixelTally()
    for forged in (np.eye(4, dtype=bool), np.zeros((4, 4), bool)):
        tally.add(np.full((4, 4), 0.4), forged)
    assert set(pixel_metrics([tally], bootstrap=NO_INTERVALS)) <= set(PIXELS)


def test_every_metric_of_synchrony_is_in_the_catalogue() -> None:
    rng = np.random.default_rng(0)
    curves = [rng.normal(size=100) for _ in range(4)]
    settings = Settings(segments=8, bootstrap=NO_INTERVALS)
    found = measure_synchrony(CorrelatedCurves(curves, curves), ["a", "a", "b", "b"], settings=settings)
    assert not found.missing and set(found.estimates) | {"median_offset"} == set(SYNCHRONY)


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (None, "-"),
        (Estimate(0.5, 3), "0.500"),
        (Estimate(0.9311, 3, Interval(0.88, 0.9625, 3, 0)), "0.931 [0.880, 0.963]"),
    ],
)
def test_a_value_is_written_with_its_interval(estimate: Estimate | None, text: str) -> None:
    assert estimate_text(estimate) == text
    assert interval_text(estimate) == text[6:]
    assert SYNCHRONY["median_offset"].text(-2) == "-2 frames"
