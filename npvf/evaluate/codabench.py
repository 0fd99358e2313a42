"""A submission to the 1M-Deepfakes challenges (AV-Deepfake1M, AV-Deepfake1M++) on Codabench.

The formats are those of https://deepfakes1m.github.io/details and https://deepfakes1m.github.io/2025/details:

- detection: a line `name.mp4;score` for each video, the score being the confidence that the video is fake;
- temporal localization: a JSON object, name -> list of [confidence, start, end], times in seconds.

The pages do not say how the files in the zip are called. We write `prediction.txt` and `prediction.json`; rename them
if the competition asks for other names. Names are those of `test_files.txt`, without the folder of the split, and every
video needs a line: the organisers' evaluation looks each one up (`avdeepfake1m.evaluation.auc`).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npvf.errors import NpvfError
from npvf.evaluate.row_metrics import proposals_of
from npvf.evaluate.video_scores import Row, SegmentRow

DETECTION, LOCALIZATION = "prediction.txt", "prediction.json"
UNKNOWN = 0.5
"""The score of a video that was not judged."""
SPLITS = ("train", "val", "test", "testA", "testB")
MOST = 100  # proposals of a video: AV-Deepfake1M counts at most 50


@dataclass(frozen=True, slots=True)
class Submission:
    """The content of a zip: the number of videos, those without a score, and the proposals of all videos."""

    videos: int
    not_judged: int
    proposals: int | None


def write_submission(path: Path, rows: Sequence[Row], segments: Iterable[SegmentRow] | None) -> Submission:
    """Write the zip.

    Args:
        path: of the zip.
        rows: all videos; one that was not judged gets 0.5 and no proposal.
        segments: of all videos, from which the proposals are made; None: there is no localization.

    Raises:
        NpvfError: two videos have the same name, or a name contains ";".
    """
    names = {row.video: challenge_name(row.video) for row in rows}
    if len(set(names.values())) < len(rows):
        raise NpvfError(
            "two videos have the same name without the folder of their split: choose one split with --split"
        )
    if odd := next((name for name in names.values() if ";" in name), None):
        raise NpvfError(f"{odd!r} contains a ';', which separates name and score")
    scores = {names[row.video]: UNKNOWN if row.score is None else row.score for row in rows}
    count = None
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(DETECTION, "".join(f"{name};{score:.6f}\n" for name, score in scores.items()))
        if segments is not None:
            found = _proposals(names, list(segments))
            count = sum(map(len, found.values()))
            file.writestr(LOCALIZATION, json.dumps(found))
    return Submission(len(rows), sum(row.score is None for row in rows), count)


def challenge_name(video: str) -> str:
    """Return the name in the challenge's lists: the id without the folder of its split.

    Examples:
        >>> challenge_name("test/000001.mp4"), challenge_name("val/id00012/_raOc3-IRsw/00110/real.mp4")
        ('000001.mp4', 'id00012/_raOc3-IRsw/00110/real.mp4')
    """
    folder, _, name = video.partition("/")
    return name if folder in SPLITS and name else video


def _proposals(names: dict[str, str], segments: Sequence[SegmentRow]) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = {name: [] for name in names.values()}
    for video, proposals in proposals_of(segments).items():
        best_P = np.argsort(-proposals.scores_P, kind="stable")[:MOST]
        table_P3 = np.column_stack([proposals.scores_P, proposals.spans_P2])[best_P]
        found[names[video]] = table_P3.round(4).tolist()
    return found
