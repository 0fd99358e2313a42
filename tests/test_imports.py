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
    report = "import sys; print('LOADED', *{name.partition('.')[0] for name, module in sys.modules.items() if module})"
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


@pytest.mark.parametrize("command", ["doctor", "inspect", "models"])
def test_commands_that_only_look_load_nothing_heavy(command: str) -> None:
    assert not loaded_by(f"import npvf.cli.{command}") & HEAVY


@pytest.mark.slow
def test_the_detector_in_the_package_loads_without_what_takes_seconds() -> None:
    """timm and torchvision take as long as torch does, librosa and scipy.stats a second or two more."""
    loaded = python("import sys, npvf\nnpvf.from_pretrained()\nprint(*sys.modules)").split()
    assert not {"timm", "torchvision", "librosa", "scipy.stats", "matplotlib", "pandas"} & set(loaded)


@pytest.mark.slow
def test_the_process_that_serves_leaves_torch_to_those_that_judge() -> None:
    """It would take 450 MB more."""
    for package in ("fastapi", "uvicorn"):
        pytest.importorskip(package, reason="needs the extra web")
    code = """
from functools import partial
import uvicorn
from npvf.cli.main import main
from npvf.serve import jobs
from tests.helpers.quick_work import quick_work

jobs.Jobs = partial(jobs.Jobs, function=quick_work)
uvicorn.Server.run = lambda server: setattr(server, "started", True)
assert main(["serve", "--api-only"]) == 0
"""
    assert not loaded_by(code) & HEAVY


@pytest.mark.slow
def test_core_runs_without_extras_and_loads_the_tracker_only_when_it_tracks() -> None:
    """Every module of the library imports and a model is made where no extra is installed."""
    code = f"""
import sys
from importlib import import_module

sys.modules.update(dict.fromkeys({sorted(only_in_extras())!r}))  # None: as if it were not installed
for name in {core_modules()!r}:
    import_module(name)
import npvf
assert type(npvf.create_model("npv_nano")).__name__ == "NPV"
"""
    loaded = loaded_by(code)
    assert "torch" in loaded
    assert not loaded & {"mediapipe", "matplotlib"}


def core_modules() -> list[str]:
    """Every module of the library, commands included; npvf.training and npvf.serve need an extra each."""
    files = sorted((ROOT / "npvf").rglob("*.py"))
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]
    return [
        name for name in names if not name.endswith("__main__") and not name.startswith(("npvf.training", "npvf.serve"))
    ]


def only_in_extras() -> set[str]:
    """Import names of the packages that an extra brings and the core does not ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = {Requirement(line).name for line in project["dependencies"]}
    extras = {name: lines for name, lines in project["optional-dependencies"].items() if name != "dev"}
    packages = {Requirement(line).name for lines in extras.values() for line in lines} - core - {"npvf"}
    other_names = {"scikit-learn": "sklearn", "scikit-image": "skimage"}
    return {other_names.get(package, package.replace("-", "_")) for package in packages}
