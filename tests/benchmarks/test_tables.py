"""docs/results.md says what `benchmarks/tables.py` computes from the score files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.tables import FOLDER, TABLES, Table
from npvf.evaluate.outside.score_file import read_score_file

PAGE = Path(__file__).parents[2] / "docs" / "results.md"


def page_tables() -> list[list[dict[str, str]]]:
    """The tables of the page as rows; an empty first cell repeats the one above it."""
    found: list[list[dict[str, str]]] = []
    columns: list[str] = []
    for line in PAGE.read_text().splitlines():
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not columns:
            columns = cells
            found.append([])
        elif not set(line) <= set("|- :"):
            row = dict(zip(columns, cells, strict=True))
            row[columns[0]] = row[columns[0]] or found[-1][-1][columns[0]]
            found[-1].append(row)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("make", TABLES, ids=lambda make: make.__name__)
def test_the_page_has_each_cell(make: Callable[[], Table]) -> None:
    table = make()
    columns = list(table.rows[0])
    (there,) = [rows for rows in page_tables() if rows and set(columns) <= set(rows[0])]
    by_key = {tuple(row[name] for name in columns[: table.keys]): row for row in there}
    for row in table.rows:
        on_page = by_key[tuple(row[name] for name in columns[: table.keys])]
        known = {name: cell for name, cell in row.items() if cell}
        assert {name: on_page[name] for name in known} == known


def test_score_files_can_be_read_and_have_neutral_names() -> None:
    for path in FOLDER.glob("*.csv"):
        assert "rendered" in path.name or "." not in "".join(
            line.split(",")[0] for line in path.read_text().splitlines()
        )
        if "offsets" not in path.name:
            assert read_score_file(path, logits="held-out" in path.name).answers
