"""The snippets of README and docs work: command lines parse with the real parsers, Python blocks run.

A block that cannot be checked has a comment above it, `<!-- not run: reason -->`.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from npvf.cli.main import COMMANDS, PASS_THROUGH, _parser
from npvf.forge import kinds
from npvf.models import config, registry
from npvf.perturb import registry as perturbations
from npvf.synth.corpus import synthesise
from npvf.training.command import TrainingCLI
from npvf.weights import DEFAULT, FOLDER
from tests.helpers.films import film, speechlike
from tests.helpers.pages import PAGES, ROOT, Block, blocks, shell_commands

SHELL = [block for page in PAGES for language in ("sh", "bash") for block in blocks(page, language)]
PYTHON = [page for page in PAGES if any(not block.not_run for block in blocks(page, "python"))]
HOWTOS = [page for page in PYTHON if page.parent.name == "howto"]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
pytestmark = pytest.mark.filterwarnings("ignore:LightningCLI's args parameter")


class ParsedError(Exception):
    """Everything was parsed; nothing is to be run."""


@pytest.fixture(autouse=True)
def only_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    """LightningCLI stops when it has checked its arguments, before it makes a model, reads data or sets a seed."""

    def stop(self: TrainingCLI) -> NoReturn:
        raise ParsedError

    monkeypatch.setattr(TrainingCLI, "_set_seed", stop)
    monkeypatch.chdir(ROOT)


def check(command: str) -> None:
    """Fail if the program, an option, a choice or a file of the repository that a command names does not exist."""
    command = command.removeprefix("srun ").replace("$SLURM_ARRAY_TASK_ID", "1")
    program, *words = shlex.split(command, comments=True)
    if program == "npvf" and words:
        assert words[0] in COMMANDS, command
        if words[0] in PASS_THROUGH:
            check_training(words)
        else:
            _parser(words[0]).parse_args(words)  # ends with SystemExit otherwise
    elif program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE), command
    elif program == "pip":
        known = (ROOT / "pyproject.toml").read_text()
        for extra in re.findall(r"[\w-]+", "".join(re.findall(r"\[(.+?)\]", command))):
            assert re.search(rf"^{extra} = \[", known, flags=re.MULTILINE), command
    for word in words:
        assert not word.startswith(("configs/", "benchmarks/", "scripts/")) or (ROOT / word).is_file(), word


def check_training(words: list[str]) -> None:
    stage = {"pretrain": "pretrain.cli", "finetune": "finetune.cli"}[words[0]]
    assert stage == PASS_THROUGH[words[0]]
    with pytest.raises(ParsedError):
        TrainingCLI(words[1:])


@pytest.mark.slow
@pytest.mark.parametrize("block", SHELL, ids=str)
def test_the_commands_of_a_block_parse(block: Block) -> None:
    if not block.not_run:
        for command in shell_commands(block.text):
            check(command)


@pytest.mark.slow
@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: str(file.relative_to(ROOT / "configs")))
def test_the_commands_in_the_comments_of_a_configuration_parse(file: Path) -> None:
    for command in re.findall(r"^#\s+(npvf [a-z].*)$", file.read_text(), flags=re.MULTILINE):
        for part in shell_commands(command):
            check(part)


@pytest.mark.parametrize(
    "wrong",
    ["npvf detekt clip.mp4", "npvf detect clip.mp4 --reprot a.html", "npvf detect clip.mp4 --phones guess", "make tea",
     "npvf pretrain fit --config configs/pretrain/nano_synth.yaml --data.trian '[a]'", "pip install 'npvf[tea]'"],
)  # fmt: skip
def test_a_wrong_command_is_found(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((AssertionError, SystemExit)):
        check(wrong)


def test_the_pages_show_each_command() -> None:
    shown = {command.split()[1] for block in SHELL for command in shell_commands(block.text) if "npvf " in command[:5]}
    assert shown >= set(COMMANDS)


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


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One rendered person who says one sentence."""
    folder = tmp_path_factory.mktemp("rendered")
    synthesise(folder, clips=1, seed=0, people=[0], size=224)
    return next(folder.rglob("*.mp4"))


def run(page: Path) -> None:
    """Run all blocks of a page one after the other in one namespace, as a reader would."""
    namespace: dict[str, object] = {"__name__": f"page_{page.stem}"}
    for block in blocks(page, "python"):
        if not block.not_run:
            exec(compile(block.text, str(block), "exec", dont_inherit=True), namespace)


@pytest.mark.parametrize("page", HOWTOS, ids=lambda page: page.stem)
@pytest.mark.usefixtures("registries")
def test_the_code_of_a_how_to_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder has `videos/clip.mp4`, a real clip of a known person."""
    (tmp_path / "videos").mkdir()
    film(tmp_path / "videos/clip.mp4", speechlike(1.0), frames=25)
    (tmp_path / "videos/clip.meta.json").write_text('{"label": 0, "identity": "ann"}')
    monkeypatch.chdir(tmp_path)
    run(page)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PYTHON if page not in HOWTOS], ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page: Path, rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder has `clip.mp4`, a rendered person, and the shipped detector in place of trained ones."""
    shutil.copy(rendered, tmp_path / "clip.mp4")
    for place in ("runs/demo/detector/detector", "runs/mine/detector"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).symlink_to(FOLDER / DEFAULT, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    run(page)
