"""Text files are UTF-8 on every machine: no call leaves the encoding to the code page of the country."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("npvf", "finetune", "pretrain", "benchmarks", "scripts")


def without_encoding(path: Path) -> list[int]:
    """The lines that open a text file without saying how it is encoded."""
    return [node.lineno for node in ast.walk(ast.parse(path.read_bytes())) if _is_text_call(node)]


def _is_text_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or any(word.arg in ("encoding", None) for word in node.keywords):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name == "read_text":
        return not node.args
    if name == "write_text":
        return len(node.args) < 2
    if name != "open":
        return False
    of_module = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
    if of_module and node.func.value.id in ("av", "os", "tarfile", "Image", "webbrowser", "VideoEdit", "archive"):
        return False
    mode = node.args[0 if isinstance(node.func, ast.Attribute) else 1 :][:1]
    mode += [word.value for word in node.keywords if word.arg == "mode"]
    return not (mode and isinstance(mode[0], ast.Constant) and "b" in str(mode[0].value))


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_text_file_is_opened_as_utf8(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = {str(path.relative_to(ROOT)): lines for path in files if (lines := without_encoding(path))}
    assert not found, f"without encoding: {found}"


@pytest.mark.slow
def test_a_list_with_names_of_other_scripts_is_read_in_any_locale(tmp_path):
    """With the locale of ASCII, and any use of it an error."""
    listed = "path,identity\nقطة 🎬.mp4,Zoë\n"
    (tmp_path / "list.csv").write_text(listed, encoding="utf-8")
    code = "import sys; from npvf.cli.main import main; sys.exit(main(sys.argv[1:]))"
    strict = ["-X", "warn_default_encoding", "-W", "error::EncodingWarning:npvf"]
    done = subprocess.run(
        [sys.executable, *strict, "-c", code, "prepare", str(tmp_path / "list.csv"), "--list"],
        capture_output=True,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert "قطة 🎬.mp4" in done.stdout.decode() and "Zoë" in done.stdout.decode()
