from .codabench import Submission as Submission, write_submission as write_submission
from .compare import Comparison as Comparison, compare_runs as compare_runs
from .detection import Evaluation as Evaluation, run_evaluation as run_evaluation
from .results import (
    DetectionReport as DetectionReport,
    SegmentationReport as SegmentationReport,
    SynchronyReport as SynchronyReport,
)
from .robustness import Robustness as Robustness, measure_robustness as measure_robustness
from .segmentation import evaluate_segmentation as evaluate_segmentation
from .sync import evaluate_synchrony as evaluate_synchrony
from .video_scores import Scores as Scores, score_videos as score_videos
