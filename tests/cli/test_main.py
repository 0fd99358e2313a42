"""The `npvf` program: commands, help, exit codes."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from types import ModuleType

import pytest

from npvf import __version__
from npvf.cli import main as program
from npvf.errors import NpvfError, Reason, Refused


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        program.main(["--help"])
    printed = capsys.readouterr().out
    assert stop.value.code == 0
    named = {line.split()[0] for line in printed.splitlines() if line.startswith("    ") and line[4].isalpha()}
    assert named == set(program.COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        program.main(["--version"])
    assert (stop.value.code, capsys.readouterr().out) == (0, f"npvf {__version__}\n")


@pytest.mark.parametrize(
    ("typed", "hint"), [("prepair", "did you mean 'prepare'?"), ("finetun", "'finetune'"), ("xyz", "npvf --help")]
)
def test_unknown_command_gets_a_hint(typed: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        program.main([typed, "--some", "thing"])
    printed = capsys.readouterr().err
    assert stop.value.code == 2
    assert f"unknown command '{typed}'" in printed
    assert hint in printed


def test_no_command_lists_the_commands_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    titles = [f"{title}:" for title in program.GROUPS]
    assert [line for line in lines if line in titles] == titles
    for name, line in program.COMMANDS.items():
        assert f"    {name:<12}{line}" in lines
    assert max(map(len, lines)) <= 80


def test_help_explains_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["--help"])
    assert program.EXIT_STATUS in capsys.readouterr().out


def test_an_option_without_a_command_is_wrong_use() -> None:
    with pytest.raises(SystemExit) as stop:
        program.main(["--json"])
    assert stop.value.code == 2


@pytest.mark.parametrize("name", sorted(set(program.COMMANDS) - set(program.PASS_THROUGH)))
def test_every_command_is_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        program.main([name, "--help"])
    assert stop.value.code == 0
    assert f"usage: npvf {name}" in capsys.readouterr().out


def test_every_training_stage_is_there() -> None:
    assert all(find_spec(module) for module in program.PASS_THROUGH.values())


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [
        (None, 0, ""),
        (3, 3, ""),
        (NpvfError("nothing to do; give a folder"), 2, "npvf: nothing to do; give a folder\n"),
        (Refused(Reason.NO_AUDIO, "it has no sound"), 2, "npvf: no_audio: it has no sound\n"),
        (KeyboardInterrupt(), 130, "npvf: stopped\n"),
    ],
)
def test_exit_status(
    outcome: int | BaseException | None,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(args: object) -> int | None:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    install(monkeypatch, "npvf.cli.doctor", add_arguments=lambda parser: None, run=run)
    assert program.main(["doctor"]) == status
    assert capsys.readouterr().err == said


def test_errors_of_the_program_itself_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "npvf.cli.doctor", add_arguments=lambda parser: None, run=lambda args: [][0])
    with pytest.raises(IndexError):
        program.main(["doctor"])


@pytest.mark.parametrize("stage", sorted(program.PASS_THROUGH))
def test_training_gets_everything_after_its_name(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[list[str]] = []
    install(monkeypatch, program.PASS_THROUGH[stage], main=got.append)
    assert program.main([stage, "fit", "--help", "--config", "a.yaml"]) == 0
    assert got == [["fit", "--help", "--config", "a.yaml"]]


def test_training_without_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(name: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'pytorch_lightning'", name="pytorch_lightning")

    monkeypatch.setattr(program, "import_module", absent)
    assert program.main(["pretrain", "fit"]) == 2
    assert "pip install 'npvf[train]'" in capsys.readouterr().err


def install(monkeypatch: pytest.MonkeyPatch, name: str, **content: object) -> None:
    """Put a made-up module in the place of a command's."""
    module = ModuleType(name)
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_reader_that_leaves_early_ends_the_command_quietly(size: int) -> None:
    """As `npvf models card | head` does; a short output is written only when the program ends."""
    code = (
        "import sys, types; from npvf.cli import main\n"
        f"card = types.SimpleNamespace(add_arguments=lambda parser: None, run=lambda args: print('x' * {size}))\n"
        "sys.modules['npvf.cli.doctor'] = card; sys.stdin.read(); sys.exit(main.main(['doctor']))"
    )
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    program = subprocess.Popen([sys.executable, "-c", code], **pipe)
    program.stdout.close()
    program.stdin.close()
    assert (program.stderr.read(), program.wait()) == (b"", 141)
