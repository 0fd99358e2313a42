"""Every metric that npvf reports: its title, what it means, and how its values are written.

One table for pages, terminal tables and notes. The order is that of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from npvf.metrics.bootstrap import Estimate
from npvf.metrics.temporal_localization import AP_IOUS, AR_COUNTS


@dataclass(frozen=True, slots=True)
class Metric:
    """The text of one metric.

    Attributes:
        title: of its row or column.
        meaning: one line for readers of a page.
        better: the direction in which a detector improves; None where neither is better.
        unit: "" for a share between 0 and 1.
        part: the metric is a part of the one above it, so that tables indent its title.
    """

    title: str
    meaning: str = ""
    better: Literal["higher", "lower"] | None = "higher"
    unit: Literal["", "frames"] = ""
    part: bool = False

    def text(self, value: float) -> str:
        """`0.931`, or `+2 frames`."""
        return f"{value:.3f}" if not self.unit else f"{value:+g} {self.unit}"


DETECTION = {
    "auc": Metric("AUC", "share of pairs of a fake and a real in which the fake has the higher score"),
    "average_precision": Metric("AP", "mean precision over recall; it depends on the share of fakes"),
    "eer": Metric("EER", "error rate at the threshold where it is equal for both classes", "lower"),
    "balanced_accuracy": Metric("balanced accuracy", "mean of the two classes' shares of correct calls"),
    "accuracy": Metric("accuracy", "share of correct calls; it depends on the share of fakes"),
    "fpr": Metric("false-positive rate", "share of reals called fake at the detector's threshold", "lower"),
    "tpr": Metric("true-positive rate", "share of fakes called fake at the detector's threshold"),
    "tpr_at_fpr_1": Metric("TPR at 1 % FPR", "share of fakes found if at most 1 % of the reals may be called fake"),
    "ece": Metric("calibration error", "mean distance of probability and share of fakes, 15 bins", "lower"),
    "ece_balanced": Metric("calibration error, balanced", "the same with equal total weight of both classes", "lower"),
    "auc_all": Metric("AUC of all videos", "videos without a score included"),
    "fpr_all": Metric("false-positive rate of all", "a real without a score counts as called fake", "lower"),
    "tpr_all": Metric("true-positive rate of all", "a fake without a score counts as not found"),
}

TEMPORAL_LOCALIZATION = {
    **{f"ap_{round(100 * iou)}": Metric(f"AP@{iou:g}", f"average precision at an IoU of {iou:g}") for iou in AP_IOUS},
    **{f"ar_{n}": Metric(f"AR@{n}", f"average recall of the best {n} proposals of each video") for n in AR_COUNTS},
}

# Segmentation has metrics of videos ("are its frames forged?") and of pixels ("where?").
SEGMENTATION_VIDEOS = {
    "auc": DETECTION["auc"],
    "auc_within_originals": Metric("forgery against its original", "AUC over pairs of one original", part=True),
    "average_precision": DETECTION["average_precision"],
    "eer": DETECTION["eer"],
    "f1": Metric("F1", "harmonic mean of precision and recall at the threshold"),
    "accuracy": DETECTION["accuracy"],
    "balanced_accuracy": DETECTION["balanced_accuracy"],
}
PIXELS = {
    "auc": Metric("AUC", "mean over frames with forged pixels"),
    "f1": Metric("F1", "mean over frames with forged pixels"),
    "iou": Metric("IoU", "mean over frames with forged pixels"),
    "fpr": Metric("false-positive rate", "share of genuine pixels called forged, mean over all frames", "lower"),
    "fpr_genuine": Metric("frames without forged pixels", "the same over these frames only", "lower", part=True),
    "auc_pooled": Metric("AUC, pooled", "over all pixels of the frames with forged pixels"),
    "f1_pooled": Metric("F1, pooled", "over all pixels of the frames with forged pixels"),
    "iou_pooled": Metric("IoU, pooled", "over all pixels of the frames with forged pixels"),
    "fpr_pooled": Metric("false-positive rate, pooled", "over the genuine pixels of all frames", "lower"),
    "placed_auc": Metric(
        "AUC, place-matched", "forged pixels against the same pixels of genuine face crops; a constant mask has 0.5"
    ),
    "genuine_area": Metric("genuine area", "share of a genuine face's pixels called forged", "lower"),
}

SYNCHRONY = {
    "retrieval_r1": Metric("retrieval R@1", "share of segments that find their own partner; mean of both directions"),
    "retrieval_sound_for_picture": Metric("audio for video", "from the video to its audio", part=True),
    "retrieval_picture_for_sound": Metric("video for audio", "from the audio to its video", part=True),
    "sync_within_1": Metric("best offset within 1 frame", "share of clips with the best similarity at -1, 0 or +1"),
    "halves_agree": Metric("halves agree", "share of clips whose halves have the same best offset, within 1 frame"),
    "swap_auc": Metric("AUC, swapped audio", "the clip's own audio against the audio of another clip"),
    "swap_auc_same_identity": Metric("same person", "the other clip shows the same person", part=True),
    "swap_auc_other_identity": Metric("another person", "the other clip shows another person", part=True),
    "shift_auc": Metric("AUC, shifted audio", "the clip's own audio against the same audio moved by 8 to 15 frames"),
    "median_offset": Metric("median offset", "positive: the audio is late", None, "frames"),
}


def interval_text(estimate: Estimate | None) -> str:
    """`[0.880, 0.962]`, or nothing where there is no interval."""
    if estimate is None or estimate.interval is None:
        return ""
    return f"[{estimate.interval.low:.3f}, {estimate.interval.high:.3f}]"


def estimate_text(estimate: Estimate | None, between: str = " ") -> str:
    """`0.931 [0.880, 0.962]`; "-" where nothing was measured."""
    if estimate is None:
        return "-"
    return between.join(part for part in (f"{estimate.value:.3f}", interval_text(estimate)) if part)
