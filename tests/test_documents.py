"""What the documents tell a reader to type: every command line parses, every file and page that is named is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from npvf.cli.main import COMMANDS, PASS_THROUGH, _parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))


def lines(file: Path) -> list[str]:
    """`npvf ...` of fenced blocks, or of the comments of a configuration; continued lines joined."""
    text = file.read_text().replace("\\\n", " ")
    parts = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL) if file.suffix == ".md" else [text]
    return [line for part in parts for line in re.findall(r"^(?:#\s+)?(npvf [a-z].*)$", part, flags=re.MULTILINE)]


SAID = [(file, line) for file in (*PAGES, *CONFIGS) for line in lines(file)]


@pytest.mark.parametrize(("file", "line"), SAID, ids=lambda value: getattr(value, "name", None))
def test_a_command_line_parses(file: Path, line: str) -> None:
    for command in re.split(r" && ", line):
        words = shlex.split(re.split(r" > ", command)[0], comments=True)[1:]
        assert words[0] in COMMANDS
        if words[0] not in PASS_THROUGH:
            _parser(words[0]).parse_args(words)  # ends with SystemExit otherwise
        for word in words:
            assert not word.startswith("configs/") or (ROOT / word).is_file(), word


def test_the_documents_hold_commands() -> None:
    assert {line.split()[1] for _, line in SAID} >= set(COMMANDS) - {"doctor", "demo", "synth", "sync"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    files = re.findall(r"`((?:npvf|pretrain|finetune|benchmarks|configs|tests)/[\w/]+\.\w+)`", text)
    assert not [link for link in links if not (page.parent / link).exists()]
    assert not [file for file in files if not (ROOT / file).exists()]
