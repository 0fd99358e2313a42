"""Metrics of detection, calibration and temporal localization, with bootstrap intervals over groups."""

from npvf.metrics.bootstrap import Bootstrap, Estimate, Interval
from npvf.metrics.detection import (
    accuracy,
    auc,
    average_precision,
    balanced_accuracy,
    detection_metrics,
    eer,
    roc_curve,
    tpr_at_fpr,
)
from npvf.metrics.reliability import expected_calibration_error, reliability_curve
from npvf.metrics.temporal_localization import Proposals, localization_metrics

__all__ = [
    "Bootstrap",
    "Estimate",
    "Interval",
    "Proposals",
    "accuracy",
    "auc",
    "average_precision",
    "balanced_accuracy",
    "detection_metrics",
    "eer",
    "expected_calibration_error",
    "localization_metrics",
    "reliability_curve",
    "roc_curve",
    "tpr_at_fpr",
]
