"""Check that what people read is in plain English: `python scripts/check_prose.py [paths]`, part of `make lint`.

It reads docstrings, comments and messages (strings of three or more words) of Python files, comments of YAML files,
and the text of Markdown pages. Each rule names what to write instead; CONTRIBUTING.md has the glossary. A line with
`prose: allow (reason)` in a comment is exempt, and so is the line after it; so are all lines from a comment with
`prose: off` and a reason in brackets to one with `prose: on`.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

# The folders and pages that are clean. A new folder belongs here.
PATHS = [
    "CONTRIBUTING.md",
    "README.md",
    "benchmarks",
    "configs",
    "docs",
    "finetune",
    "npvf/__init__.py",
    "npvf/audit",
    "npvf/cli",
    "npvf/clip.py",
    "npvf/corpora",
    "npvf/data",
    "npvf/detect",
    "npvf/errors.py",
    "npvf/evaluate",
    "npvf/export",
    "npvf/faces",
    "npvf/forge",
    "npvf/inspect",
    "npvf/io",
    "npvf/losses",
    "npvf/media",
    "npvf/metrics",
    "npvf/models",
    "npvf/perturb",
    "npvf/prepare",
    "npvf/report",
    "npvf/speech",
    "npvf/synth",
    "npvf/training",
    "npvf/version.py",
    "npvf/weights",
    "pretrain",
    "scripts",
]


@dataclass(frozen=True)
class Rule:
    """A pattern that prose must not contain, and what to write instead."""

    pattern: re.Pattern[str]
    advice: str


def _rule(pattern: str, advice: str) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE), advice)


# Docstrings only: the first word. The subject comes first.
OPENING = _rule(
    r"^(of|those|what|whatever|whether|where|wherever|how|by|whose|whom|who|which|that|such|in|on|from|at|as)\b(?!\-)",
    "begin with the subject or a verb: 'Return ...', 'The ...'",
)

RULES = [
    _rule(
        r"(?<!there )\b(?:is|are|was|were) no (?!longer|more|less|fewer|later|earlier|better|worse|different)[a-z]",
        "write 'is not a ...'",
    ),
    _rule(r"\b(?:has|have|had) not(?=[.,;:)]|$| (?:the|a|an|any|its|their|one|it)\b)", "write 'does not have'"),
    _rule(r"\b(?:of|by|for|from|to|in|on) (?:which|whom) (?:nobody|no one|nothing|none)\b", "turn the clause round"),
    _rule(r"\b(?:nobody|somebody|no one) (?:said|says|knows|gave|named|names)\b", "write 'unknown' or 'not given'"),
    _rule(r"\bsaid\b(?!:)", "write 'given', 'known', 'labelled' or 'stated'"),
    _rule(r"\bforged on the spot\b", "write 'self-blended'"),
    _rule(r"\b(?:harm|harms|harmed)\b", "write 'perturb', 'perturbation'"),
    _rule(r"\b(?:dealt|deals?)\b(?! with)", "write 'shard', 'split' or 'distribute'"),
    _rule(r"\b(?:visits?|visited)\b(?!:)", "write 'sample' or 'draw'"),
    _rule(r"\b(?:watch|watches|watched)\b", "write 'collect', 'measure' or 'look at'"),
    _rule(r"\b(?:adopt|adopts|adopted)\b", "write 'take over' or 'copy'"),
    _rule(r"\bfilms?\b", "write 'video'"),
    _rule(r"\bluck\b", "write 'chance'"),
    _rule(r"\bhouse\b|\bfloors\b", "write 'package', 'folder' or 'layer'"),
]


@dataclass(frozen=True)
class Text:
    """A piece of prose of a file: its first line, its kind, and the words."""

    line: int
    kind: str  # "docstring", "comment", "message", "page"
    words: str


def python_texts(source: str) -> Iterator[Text]:
    """Docstrings, comments and messages of a Python file."""
    tree = ast.parse(source)
    docstrings = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and type(first.value.value) is str:
                docstrings[id(first.value)] = first.value
    for constant in docstrings.values():
        yield Text(constant.lineno, "docstring", constant.value)
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in ast.walk(node) if part is not node and isinstance(part, ast.Constant)}
            words = "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            words = "" if id(node) in inside else node.value
        else:
            continue
        if len(re.findall(r"[A-Za-z]+ (?=[a-z])", words)) >= 2:
            yield Text(node.lineno, "message", words)
    yield from comments(source)


def comments(source: str) -> Iterator[Text]:
    """Comments of a Python file."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(token.start[0], "comment", token.string.lstrip("#: "))


def page_texts(source: str) -> Iterator[Text]:
    """The lines of a Markdown page that are not in a fenced block."""
    fenced = False
    for number, line in enumerate(source.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield Text(number, "page", line)


def yaml_texts(source: str) -> Iterator[Text]:
    """Comments of a YAML file."""
    for number, line in enumerate(source.splitlines(), start=1):
        found = re.search(r"(?:^|\s)#\s*(.*)", line)
        if found:
            yield Text(number, "comment", found[1])


READERS = {".py": python_texts, ".md": page_texts, ".yaml": yaml_texts}


def findings(path: Path) -> Iterator[str]:
    """`file:line: words: advice` for each breach of a rule in a file."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    allowed = {n for n, line in enumerate(lines, start=1) if re.search(r"prose: allow \(.+\)", line)}
    allowed |= {n + 1 for n in allowed}
    off = False
    for number, line in enumerate(lines, start=1):
        if switch := re.search(r"prose: (off \(.+\)|on\b)", line):
            off = switch[1] != "on"
        allowed |= {number} if off else set()
    for text in READERS[path.suffix](source):
        found = [(OPENING, OPENING.pattern.search(text.words))] if text.kind == "docstring" else []
        prose = re.sub(
            r"`[^`]*`", lambda code: "`" + "_" * (len(code[0]) - 2) + "`", text.words
        )  # code keeps its names
        prose = re.sub(r"\s", " ", prose)
        found += [(rule, match) for rule in RULES for match in rule.pattern.finditer(prose)]
        for rule, match in found:
            if match:
                line = text.line + text.words[: match.start()].count("\n")
                if line not in allowed:
                    yield f"{path}:{line}: '{match[0].strip()}' in a {text.kind}: {rule.advice}"


def files(paths: list[str]) -> list[Path]:
    """The files under `paths` that have a reader, sorted."""
    roots = [Path(path) for path in paths]
    found = [file for root in roots for file in ([root] if root.is_file() else root.rglob("*"))]
    return sorted(file for file in found if file.suffix in READERS)


def main(arguments: list[str]) -> int:
    """Print the findings; 1 if there are any."""
    report = [line for file in files(arguments or [str(ROOT / path) for path in PATHS]) for line in findings(file)]
    print("\n".join(report) if report else "The prose is plain.")
    return bool(report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
