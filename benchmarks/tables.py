"""Compute tables of docs/results.md from the score files in docs/results/scores: `python benchmarks/tables.py`.

Prints Markdown. A table of the page may have more rows and columns than are printed here: those without a score file.
`tests/benchmarks/test_tables.py` holds that each printed cell is the one on the page.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import logit

from npvf.clip import FAKE, REAL
from npvf.evaluate.outside.score_file import read_score_file
from npvf.metrics.bootstrap import Estimate
from npvf.metrics.detection import auc, detection_metrics

FOLDER = Path(__file__).parents[1] / "docs" / "results" / "scores"
DIVISIONS = 4
THRESHOLD = 0.788  # of the detector in the package
FALSE_ALARMS = 0.05
AUC_ALL = "AUC, mean of 4 divisions"
KINDS = {"calibrated": "calibrated", "sound_shift": "sound shifted", "sound_swap": "sound swapped"}


@dataclass(frozen=True, slots=True)
class Table:
    """A part of a table on the page: `rows` hold the text of cells by column; the first `keys` columns name the row."""

    title: str
    keys: int
    rows: Sequence[dict[str, str]]

    def markdown(self) -> str:
        """Return the table as on the page."""
        columns = list(self.rows[0])
        lines = [columns, ["---"] * len(columns), *([row.get(name, "") for name in columns] for row in self.rows)]
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(line)} |" for line in lines)])


@dataclass(frozen=True, slots=True)
class Scored:
    """A video with a score."""

    score: float
    label: int
    generator: str
    kind: str
    person: str
    video: str


def judged(name: str, logits: bool = False) -> list[Scored]:
    """Return the videos of a score file that have a score; log-odds stay log-odds."""
    file = read_score_file(FOLDER / name, logits)
    found = []
    for line in file.manifest:
        video, score = line["video"], file.answers[line["video"]].score
        if score is not None:
            known = (str(line[key] or "") for key in ("manipulation", "category", "identity"))
            found.append(Scored(float(logit(score)) if logits else score, line["label"], *known, video))
    return found


def people_v1() -> Table:
    """The mouth motion of generators that the fit has not seen, and the detector in the package on one of them."""
    divisions = [judged(f"mouth-motion-held-out-{n}.csv", logits=True) for n in range(DIVISIONS)]
    clips = {v.video: v.generator for division in divisions for v in division if v.label == FAKE}
    rows = []
    for generator, title in (
        ("wav2lip_or_sadtalker", "Wav2Lip or SadTalker"),
        ("wav2lip", "Wav2Lip"),
        ("loopy", "Loopy"),
    ):
        measured = [_held_out([v for v in division if v.kind == generator]) for division in divisions]
        aucs, found = zip(*measured, strict=True)
        count = sum(name == generator for name in clips.values())
        cells = (title, str(count), _share(np.mean(aucs)), _share(min(aucs)), _share(np.mean(found), 2))
        rows.append(_row(cells))
    videos = judged("people-v1.csv")
    fakes = [v for v in videos if v.generator == "vasa_or_emo"]
    genuine = [v for v in videos if v.label == REAL]
    title = f"VASA-1 or EMO, by the detector in the package, against {len(genuine)} genuine videos"
    found_at = np.mean([v.score >= THRESHOLD for v in fakes])
    rows.append(_row((title, str(len(fakes)), _auc([*genuine, *fakes]), "", f"{_share(found_at, 2)} at its threshold")))
    return Table("A detector that has met people", 1, rows)


def _row(cells: Sequence[str]) -> dict[str, str]:
    return dict(zip(("generator", "clips", AUC_ALL, "lowest", "found at 5 % false alarms"), cells, strict=True))


def _held_out(videos: Sequence[Scored]) -> tuple[float, float]:
    """Return AUC, and the share of fakes above the score that 95 % of genuine clips do not exceed."""
    scores = np.array([v.score for v in videos])
    labels = np.array([v.label for v in videos])
    limit = np.quantile(scores[labels == REAL], 1 - FALSE_ALARMS)
    return auc(scores, labels), float((scores[labels == FAKE] > limit).mean())


def rendered() -> Table:
    """The detector after fine-tuning against the agreement of its encoder, on rendered people."""
    rows = []
    for seed, words in ((0, "detector"), (0, "agreement"), (1, "detector"), (1, "agreement")):
        twelve = judged(f"rendered-12-people-{words}-seed{seed}.csv")
        row = {"seed": str(seed), "judged by": "detector" if words == "detector" else "its agreement"}
        row["12 people: AUC [95 %]"] = _auc(twelve)
        for kind, title in KINDS.items():
            part = [v for v in twelve if v.label == REAL or v.generator == kind]
            row[title] = _share(auc([v.score for v in part], [v.label for v in part]))
        five = f"rendered-5-people-{words}-seed{seed}.csv"
        if (FOLDER / five).is_file():
            row["the demo's 5 people: AUC"] = _auc(judged(five))
        rows.append(row)
    names = max(rows, key=len)
    return Table("Detection: does pre-training help", 2, [{name: row.get(name, "") for name in names} for row in rows])


def stddl_lite() -> Table:
    """The videos of `stddl_lite`, by kind of forgery; the metrics of pixels need the masks and are not here."""
    return _by_kind("From ImageNet, on genuine clips alone", "stddl-lite.csv", "forgeries")


def picture_v1() -> Table:
    """The same videos, judged by the localizer in the package."""
    return _by_kind("A localizer that may be published", "picture-v1.csv", "kind of forgery")


def offsets() -> Table:
    """The best offset of each clip by `npv_lips`; retrieval and swapped audio need the features and are not here."""
    rows = []
    for name, title in (
        ("strangers", "22 recordings of strangers (35 clips)"),
        ("court-movies-web", "60 people in court, in movies, on the web (195 clips)"),
        ("grid-speakers", "three GRID speakers, one clip each"),
    ):
        with (FOLDER / f"offsets-npv-lips-{name}.csv").open(newline="", encoding="utf-8") as file:
            clips = list(csv.DictReader(file))
        ways = {"model": "all", "model_gated": "gated", "baseline_change": "no learning, by change"}
        for column, frames in ways.items() if len(clips) > 3 else [("model", "all")]:
            known = [int(clip[f"offset_{column}"]) for clip in clips if clip[f"offset_{column}"]]
            near = _share(np.mean([abs(offset) <= 1 for offset in known]))
            rows.append({"test set": title, "frames": frames, "offset within ±1": near})
    return Table("Inputs that hardly know the person", 2, rows)


TABLES = (offsets, people_v1, picture_v1, rendered, stddl_lite)
"""Every table that has score files."""


def _by_kind(title: str, file: str, column: str) -> Table:
    """The AUC of all forgeries and of each kind against all genuine videos."""
    videos = judged(file)
    rows = []
    for kind in ("all", *sorted({v.generator for v in videos if v.label == FAKE})):
        part = [v for v in videos if kind == "all" or v.label == REAL or v.generator == kind]
        rows.append({column: kind.replace("_", " "), "video AUC": _auc(part)})
    return Table(title, 1, rows)


def _auc(videos: Sequence[Scored]) -> str:
    """Return `.889 [.805, .948]`; the interval draws people."""
    scores, labels = [v.score for v in videos], [v.label for v in videos]
    found: Estimate = detection_metrics(scores, labels, [v.person for v in videos])["auc"]
    if found.interval is None:
        return _share(found.value)
    return f"{_share(found.value)} [{_share(found.interval.low)}, {_share(found.interval.high)}]"


def _share(value: float, digits: int = 3) -> str:
    """Return `.889`, or `1.0`."""
    text = f"{value:.{digits}f}"
    return "1.0" if float(text) == 1 else text.removeprefix("0")


def main() -> None:
    """Print all tables."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print("\n\n".join(table.markdown() for table in (make() for make in TABLES)))


if __name__ == "__main__":
    main()
