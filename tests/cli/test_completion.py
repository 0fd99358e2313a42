"""Completion scripts for shells."""

import subprocess

import pytest

from npvf.cli.main import COMMANDS, PASS_THROUGH, main

pytest.importorskip("shtab", reason="the extra `shell` is not installed")


def test_the_script_for_bash_is_valid_and_knows_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in COMMANDS)
    assert "--known-genuine" in script and "--engine" in script
    assert not PASS_THROUGH.keys() - COMMANDS.keys()
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
