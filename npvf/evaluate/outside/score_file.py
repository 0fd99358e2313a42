"""Score files: a CSV with a score for each video, made by any detector, with or without its labels.

Columns: `video` and `score` (probability of fake); an empty score, or one that is not a number, is a miss. Optional:
`label` (0 or real, 1 or fake), `generator`, `kind`, `person`, `source` (where the recording is from), `original` and
`reason`. The `scores.csv` of `npvf evaluate` is such a file; its own names of these columns are read too.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npvf.clip import FAKE, REAL
from npvf.errors import NpvfError
from npvf.evaluate.outside.answers import Answer
from npvf.evaluate.outside.detectors import Miss, probability

# Columns of a score file -> keys of a manifest's line.
FACTS = {"generator": "manipulation", "kind": "category", "person": "identity", "original": "original"}
OTHER_NAMES = {"manipulation": "generator", "category": "kind", "identity": "person"}
READ = ("video", "score", "label", "source", "reason", *FACTS)
# Further columns of the scores.csv of `npvf evaluate` and of its answers.csv.
WRITTEN = ("sha256", "status", "clips", "verdict", "attributes", "intervals", "seconds", "silence", "findings")
LABELS = {"0": REAL, "real": REAL, "1": FAKE, "fake": FAKE}


@dataclass(frozen=True, slots=True)
class ScoreFile:
    """The content of a score file; `manifest` has a line for each video, with a label where the file has one.

    Attributes:
        folder: the file.
        manifest: lines like those of a prepared corpus.
        answers: the scores and misses by video.
    """

    folder: Path
    manifest: list[dict[str, Any]]
    answers: dict[str, Answer]

    def of(self, ids: Mapping[str, Path]) -> dict[str, Answer]:
        """Return the answers for the videos of a corpus: by their ids, or by the paths of their files.

        A video that the file does not have is a miss.

        Raises:
            NpvfError: the file has none of the videos.
        """
        found = {}
        for video, path in ids.items():
            answer = self.answers.get(video) or self.answers.get(str(path))
            reason = f"not_in_scores: {self.folder.name} has no row for it"
            found[video] = Answer(video, None, reason) if answer is None else answer
        if not any(answer.score is not None for answer in found.values()):
            raise NpvfError(
                f"{self.folder} has no score for any of the {len(ids)} videos, for example {next(iter(ids), '')!r}. "
                "The column video holds the ids of the corpus (`npvf prepare --list` prints them) or paths."
            )
        return found


def read_score_file(path: Path, logits: bool = False) -> ScoreFile:
    """Read a score file.

    Args:
        path: a CSV file.
        logits: the scores are log-odds.

    Raises:
        NpvfError: it cannot be read, a column is missing or unknown, a video is listed twice, or a label is unknown.
    """
    lines, answers = [], {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            names = _names(path, list(reader.fieldnames or []))
            for cells in reader:
                where = f"{path}, line {reader.line_num}"
                if None in cells or None in cells.values():
                    raise NpvfError(f"{where}: the number of cells is not that of the columns")
                row = {names[name]: cell.strip() for name, cell in cells.items() if name in names}
                if not row["video"] or row["video"] in answers:
                    fault = f"{row['video']!r} is listed twice" if row["video"] else "the column video is empty"
                    raise NpvfError(f"{where}: {fault}. Give each video one row.")
                lines.append(_line(row, cells, where))
                answers[row["video"]] = _answer(row, logits)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NpvfError(f"{path} cannot be read as a CSV file: {error}") from error
    if not lines:
        raise NpvfError(f"{path} has no rows")
    return ScoreFile(path, lines, answers)


def _names(path: Path, columns: list[str]) -> dict[str, str]:
    """Map the columns of the file to those of `READ`; the other ones that npvf writes are left out."""
    names = {column: OTHER_NAMES.get(column.strip(), column.strip()) for column in columns}
    unknown = [name for name in names.values() if name not in READ and name not in WRITTEN]
    missing = [name for name in ("video", "score") if name not in names.values()]
    if unknown or missing:
        fault = f"no column {missing[0]!r}" if missing else f"unknown column {unknown[0]!r}"
        raise NpvfError(
            f"{path}: {fault}. The columns of a score file are {', '.join(READ)}; video and score are needed"
        )
    return {column: name for column, name in names.items() if name in READ}


def _line(row: Mapping[str, str], cells: Mapping[str, str], where: str) -> dict[str, Any]:
    label = row.get("label", "").lower()
    if label and label not in LABELS:
        raise NpvfError(f"{where}: the label is {label!r}; write 0 or real, 1 or fake, or leave it empty")
    attributes = json.loads(cells.get("attributes") or "{}")
    attributes |= {"source": row["source"]} if row.get("source") else {}
    facts = {key: row.get(column) or None for column, key in FACTS.items()}
    person = facts["identity"]
    return {
        **facts,
        "video": row["video"],
        "label": LABELS.get(label),
        "identities": [person] if person else [],
        "attributes": attributes,
        "intervals": json.loads(cells.get("intervals") or "[]"),
        "split": None,
        "sha256": cells.get("sha256") or None,
        "status": "listed",
        "reason": "",
    }


def _answer(row: Mapping[str, str], logits: bool) -> Answer:
    video, cell = row["video"], row["score"]
    if not cell:
        return Answer(video, None, row.get("reason") or "no_score: the cell is empty")
    try:
        return Answer(video, probability(float(cell), logits))
    except ValueError:
        return Answer(video, None, f"no_score: the cell holds {cell[:40]!r}, not a number")
    except Miss as miss:
        return Answer(video, None, str(miss))
