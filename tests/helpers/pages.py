"""The pages of the documentation, and the fenced blocks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>.+?) -->\n\n?)?"
    r"^(?P<indent> *)```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^(?P=indent)```",
    flags=re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block. `not_run` is the reason in a comment `<!-- not run: reason -->` above it, or ""."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, language: str) -> Iterator[Block]:
    """Yield the blocks of a page in one language, in their order."""
    source = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(source):
        if found["language"] == language:
            line = source.count("\n", 0, found.start("indent")) + 1
            yield Block(page, line, language, found["text"], found["reason"] or "")


def shell_commands(text: str) -> Iterator[str]:
    """Yield the single commands of a shell block: continued lines are joined, `&&`, pipes and redirections split."""
    for line in text.replace("\\\n", " ").splitlines():
        for command in re.split(r" && | \| | > ", line):
            if command.strip() and not command.lstrip().startswith("#"):
                yield command.strip()
            if f"{command} > " in line:  # the rest names a file
                break
