"""The documents are right: command lines parse, files and pages that are named exist, how-to pages run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from npvf.cli.main import COMMANDS, PASS_THROUGH, _parser
from npvf.forge import kinds
from npvf.models import config, registry
from npvf.perturb import registry as perturbations
from tests.helpers.films import film, speechlike

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
HOWTOS = sorted((ROOT / "docs/howto").glob("[a-z]*.md"))
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


@pytest.fixture
def registries() -> Iterator[None]:
    """What a test registers is gone after it."""
    config.import_families()
    tables = (perturbations._PERTURBATIONS, registry._SIZES, config.FAMILIES, kinds.KINDS)
    before = [dict(table) for table in tables]
    yield
    for table, content in zip(tables, before, strict=True):
        table.clear()
        table.update(content)


@pytest.mark.parametrize("page", HOWTOS, ids=lambda page: page.stem)
@pytest.mark.usefixtures("registries")
def test_the_code_of_a_how_to_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks of a page run in one namespace, in a folder with `videos/clip.mp4`, a real clip of a known person."""
    (tmp_path / "videos").mkdir()
    film(tmp_path / "videos/clip.mp4", speechlike(1.0), frames=25)
    (tmp_path / "videos/clip.meta.json").write_text('{"label": 0, "identity": "ann"}')
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    namespace: dict[str, object] = {"__name__": f"howto_{page.stem}"}
    for block in blocks:
        exec(compile(block, str(page), "exec", dont_inherit=True), namespace)
    assert blocks
