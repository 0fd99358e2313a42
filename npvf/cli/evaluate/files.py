"""Write the results of `npvf evaluate` to one folder: figures, scores, curves, a page, and the configuration."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from npvf.evaluate.detection import Evaluation
from npvf.evaluate.page import render_page
from npvf.evaluate.plots import series_of, write_plots
from npvf.evaluate.video_scores import SegmentRow

METRICS, SCORES, PAGE, CONFIG = "metrics.json", "scores.csv", "report.html", "config.yaml"


def write_report(report: dict[str, Any], config: str, folder: Path) -> None:
    """Write `metrics.json`, and `config.yaml`, which repeats the run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / METRICS).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (folder / CONFIG).write_text(config, encoding="utf-8")


def write_evaluation(found: Evaluation, folder: Path, plots: bool) -> None:
    """Write the scores of videos and segments, the curves, and the page."""
    for scores, suffix in ((found.kept, ""), (found.trimmed, "_trimmed")):
        if scores is None:
            continue
        write_table([asdict(row) for row in scores.rows], folder / f"scores{suffix}.csv")
        columns = list(SegmentRow.__slots__)
        write_table([asdict(segment) for segment in scores.segments], folder / f"segments{suffix}.csv", columns)
    drawn = write_plots(series_of(found.kept, found.trimmed), folder) if plots else []
    (folder / PAGE).write_text(render_page(found.report, found.scores.rows, drawn), encoding="utf-8")


def write_table(rows: Sequence[dict[str, Any]], path: Path, columns: Sequence[str] = ()) -> None:
    """Write a CSV file. Cells with more than one value hold JSON."""
    rows = [
        {k: json.dumps(v, ensure_ascii=False) if isinstance(v, dict | list) else v for k, v in row.items()}
        for row in rows
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
