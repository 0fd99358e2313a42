"""The check of the prose finds what it should, leaves good sentences alone, and the repository passes it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("check_prose", ROOT / "scripts/check_prose.py")
assert SPEC and SPEC.loader
check_prose = sys.modules["check_prose"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check_prose)


def found(tmp_path: Path, name: str, text: str) -> list[str]:
    """The findings in a file of this text: `line: words`."""
    path = tmp_path / name
    path.write_text(text)
    return [line.removeprefix(f"{path}:").split(" in a ")[0] for line in check_prose.findings(path)]


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ('"""Those that overlap."""\n', "1: 'Those'"),
        ('def f():\n    """What is left."""\n', "2: 'What'"),
        ("x = 1  # a clip of which nobody said which\n", "1: 'of which nobody'"),
        ("x = 1\n# a file that is no list\n", "2: 'is no l'"),
        ('raise ValueError("a family which this version has not")\n', "1: 'has not'"),
        ('raise ValueError(f"{x} is no whole number")\n', "1: 'is no w'"),
        ('"""One line.\n\nIt was forged on the spot.\n"""\n', "3: 'forged on the spot'"),
    ],
)
def test_a_breach_is_found_with_its_line(tmp_path: Path, source: str, finding: str) -> None:
    assert finding in found(tmp_path, "a.py", source)


@pytest.mark.parametrize(
    "source",
    [
        '"""The phones that overlap. There is no other."""\n',
        "x = 1  # it has not been read; it is no longer there\n",
        'key = "the said"\n',  # two words: an identifier or a title, not a sentence
        "x = 1  # a field named `said`\n",
        "# the corpus calls it a film  prose: allow (the corpus's own word)\n",
        "# prose: allow (the corpus's own word)\n# the corpus calls it a film\n",
    ],
)
def test_good_sentences_and_exceptions_with_a_reason_pass(tmp_path: Path, source: str) -> None:
    assert found(tmp_path, "a.py", source) == []


def test_an_exception_without_a_reason_does_not_count(tmp_path: Path) -> None:
    assert found(tmp_path, "a.py", "# a film  prose: allow ()\n") == ["1: 'film'"]


def test_pages_are_read_without_their_code(tmp_path: Path) -> None:
    page = (
        "a film\n```\na film\n```\n`film`\n<!-- prose: off (a list of words) -->\na film\n<!-- prose: on -->\nby luck\n"
    )
    assert found(tmp_path, "a.md", page) == ["1: 'film'", "9: 'luck'"]


def test_comments_of_configurations_are_read(tmp_path: Path) -> None:
    assert found(tmp_path, "a.yaml", "film: 3  # each visit\n") == ["1: 'visit'"]


@pytest.mark.slow
def test_the_repository_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_prose.main([]) == 0, capsys.readouterr().out
