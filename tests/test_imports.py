"""What importing costs: `import npvf` and `npvf --help` are quick, and the core needs no extra."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "pytorch_lightning", "lightning", "mediapipe", "matplotlib", "cv2", "webdataset", "librosa"}


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(code: str) -> set[str]:
    """The top-level packages that are loaded after `code`."""
    report = "import sys; print('LOADED', *{name.partition('.')[0] for name in sys.modules})"
    lines = python(f"{code}\n{report}").splitlines()
    return set(lines[-1].removeprefix("LOADED ").split())


@pytest.mark.parametrize(
    "code",
    [
        "import npvf",
        "from npvf.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "from npvf.cli.main import main\ntry: main(['--version'])\nexcept SystemExit: pass",
    ],
    ids=["import", "help", "version"],
)
def test_loads_nothing_heavy(code: str) -> None:
    assert not loaded_by(code) & HEAVY


@pytest.mark.parametrize("command", ["doctor", "models"])
def test_commands_that_only_look_load_nothing_heavy(command: str) -> None:
    assert not loaded_by(f"import npvf.cli.{command}") & HEAVY


def test_importing_every_module_of_the_core_loads_neither_lightning_nor_mediapipe_nor_matplotlib() -> None:
    loaded = loaded_by(f"from importlib import import_module\nfor name in {core_modules()!r}: import_module(name)")
    assert "torch" in loaded
    assert not loaded & {"pytorch_lightning", "lightning", "mediapipe", "matplotlib"}


def test_core_runs_without_extras() -> None:
    """With the packages of every extra blocked, each module of the library imports and a model is made."""
    code = f"""
import sys
import tomllib
from importlib import import_module

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {only_in_extras()!r}:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)

sys.meta_path.insert(0, Block())
for name in {core_modules()!r}:
    import_module(name)
import npvf
print(type(npvf.create_model("npv_nano")).__name__)
"""
    assert python(code).strip()


def core_modules() -> list[str]:
    """Every module of the library, commands included; the training packages are not part of the core."""
    files = sorted((ROOT / "npvf").rglob("*.py"))
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]
    return [name for name in names if not name.endswith("__main__")]


def only_in_extras() -> set[str]:
    """Import names of the packages that an extra brings and the core does not ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = {Requirement(line).name for line in project["dependencies"]}
    extras = {Requirement(line).name for lines in project["optional-dependencies"].values() for line in lines}
    other_names = {"scikit-learn": "sklearn", "scikit-image": "skimage", "import-linter": "importlinter"}
    return {other_names.get(name, name.replace("-", "_")) for name in extras - core - {"npvf", "pytest"}}
