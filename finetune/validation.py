"""Validation of stage 2: videos are judged by the rule that the exported predictor will judge by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from npvf.clip import SEGMENT_FRAMES
from npvf.detect.aggregate import ClipScore, DecisionSettings
from npvf.detect.fit_decision import LabelledScore, fit_sharpness, score_videos
from npvf.io.shards import clip_track
from npvf.metrics.detection import auc, average_precision

FORGED_SHARE = 0.25  # of a segment, from which on it is fake; what `npvf.losses.DetectionObjective` trains on


def clip_score(key: str, video: str, logits_K: np.ndarray, starts_K: np.ndarray, speech: float = 0.0) -> ClipScore:
    """The score of a validation clip."""
    return ClipScore(key, video, clip_track(key), tuple(logits_K.tolist()), tuple(starts_K.tolist()), speech=speech)


def segment_labels(forged_T: np.ndarray, starts_K: np.ndarray) -> tuple[int, ...]:
    """Return 1 for each segment with enough forged frames (`FORGED_SHARE`), else 0."""
    return tuple(int(forged_T[start : start + SEGMENT_FRAMES].mean() >= FORGED_SHARE) for start in starts_K)


def video_metrics(clips: Sequence[LabelledScore], settings: DecisionSettings) -> dict[str, float]:
    """AUC, average precision and cross-entropy by video, and the numbers of videos and of clips without a segment.

    Raises:
        ValueError: a class is missing among the videos that can be judged.
    """
    videos = score_videos(clips, replace(settings, sharpness=fit_sharpness(clips, settings)))
    logits_N, labels_N = videos.log_odds_N, videos.labels_N
    return {
        "auc": auc(logits_N, labels_N),
        "ap": average_precision(logits_N, labels_N),
        "ce": float(np.mean(np.logaddexp(0, logits_N) - labels_N * logits_N)),
        "videos": len(labels_N),
        "clips_unjudged": sum(not clip.score.logits for clip in clips),
    }


def validation_record(clips: Sequence[LabelledScore], settings: DecisionSettings) -> dict[str, Any]:
    """Return what `config.json` says of the videos that a predictor's settings were fitted on."""
    videos = score_videos(clips, settings)
    return {
        "validation_videos": len(videos.labels_N),
        "validation_people": settings.people,
        "validation_auc": auc(videos.log_odds_N, videos.labels_N),
    }
