"""Protocols for detection, segmentation and synchrony; comparison, robustness, baselines, detectors of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.evaluate.codabench import Submission, write_submission
    from npvf.evaluate.compare import Comparison, compare_runs
    from npvf.evaluate.detection import Evaluation, run_evaluation
    from npvf.evaluate.results import DetectionReport, SegmentationReport, SynchronyReport
    from npvf.evaluate.robustness import Robustness, measure_robustness
    from npvf.evaluate.segmentation import evaluate_segmentation
    from npvf.evaluate.sync import evaluate_synchrony
    from npvf.evaluate.video_scores import Scores, score_videos

__all__ = [
    "Comparison",
    "DetectionReport",
    "Evaluation",
    "Robustness",
    "Scores",
    "SegmentationReport",
    "Submission",
    "SynchronyReport",
    "compare_runs",
    "evaluate_segmentation",
    "evaluate_synchrony",
    "measure_robustness",
    "run_evaluation",
    "score_videos",
    "write_submission",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "codabench": ["Submission", "write_submission"],
        "compare": ["Comparison", "compare_runs"],
        "detection": ["Evaluation", "run_evaluation"],
        "results": ["DetectionReport", "SegmentationReport", "SynchronyReport"],
        "robustness": ["Robustness", "measure_robustness"],
        "segmentation": ["evaluate_segmentation"],
        "sync": ["evaluate_synchrony"],
        "video_scores": ["Scores", "score_videos"],
    },
)
