"""The package: it declares what it imports and imports what it declares, and the wheel holds everything."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGES = ("npvf", "pretrain", "finetune")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
FOR_DEVELOPERS = ("dev", "docs", "ci")
RUN = EXTRAS.keys() - {*FOR_DEVELOPERS}  # what only the tests and linters need must not be imported by the packages
BROUGHT_BY = metadata.packages_distributions()  # import name -> distributions: `cv2` -> `opencv-contrib-python`
# Declared, and not imported by a file of ours.
NOT_IMPORTED = {
    "tensorboard": "Lightning's TensorBoardLogger imports it",
    "jsonargparse": "Lightning's LightningCLI imports it",
    "python-multipart": "starlette parses forms with it",
    "s3fs": "fsspec opens s3:// with it",
    "import-linter": "`make lint` and a test run it as a program",
    "pytest-xdist": "`make test` runs pytest with `-n`",
    "mypy": "`make lint` runs it",
    "ruff": "`make lint` runs it",
    "pre-commit": "runs the linters before a commit",
    "zensical": "`make docs` runs it",
    "ipykernel": "nbclient starts it for a notebook",
    "moto": "`tests/helpers/urls.py` imports its server by name, where it is installed",
    "flask": "moto's server runs on it",
    "flask-cors": "moto's server runs on it",
    "playwright": "`pytest.importorskip` imports it",
    "hatchling": "a test builds the wheel with `python -m hatchling`",
}


@pytest.mark.slow
def test_everything_imported_is_declared() -> None:
    """A package that only comes along with another one can vanish with that one's next release."""
    declared = names(PROJECT["dependencies"]) | {n for extra in RUN for n in names(EXTRAS[extra])}
    assert undeclared(PACKAGES, declared) == set()
    declared |= {name for extra in FOR_DEVELOPERS for name in names(EXTRAS[extra])}
    assert undeclared(["tests", "benchmarks", "scripts"], declared) == set()


@pytest.mark.slow
@pytest.mark.parametrize("part", ["core", *EXTRAS])
def test_everything_declared_is_imported(part: str) -> None:
    """By the packages; what is only for developers, by the tests. `NOT_IMPORTED` gives the reason for the others."""
    declared = names(PROJECT["dependencies"] if part == "core" else EXTRAS[part]) - {"npvf"}
    folders = ["tests", "benchmarks", "scripts"] if part in FOR_DEVELOPERS else PACKAGES
    used = {name for modules in imports(folders).values() for module in modules for name in distributions(module)}
    assert declared - used - NOT_IMPORTED.keys() == set()


def test_every_exception_is_still_one() -> None:
    every = names(PROJECT["dependencies"]) | {name for lines in EXTRAS.values() for name in names(lines)}
    modules = {module for found in imports([*PACKAGES, "tests", "benchmarks", "scripts"]).values() for module in found}
    assert not NOT_IMPORTED.keys() - every
    assert not NOT_IMPORTED.keys() & {name for module in modules for name in distributions(module)}


def test_a_missing_extra_is_named() -> None:
    """A file that imports a package of an extra raises an error with the command that installs the extra.

    For npvf.training, pretrain and finetune, which import Lightning at the top, `npvf.cli.main` does it, and for
    npvf.serve `npvf.cli.serve`.
    """
    core = names(PROJECT["dependencies"])
    silent = []
    for file, modules in imports(["npvf"]).items():
        text = file.read_text().replace("need_matplotlib()", "pip install 'npvf[evaluate]'")
        for module in modules - {"pretrain", "finetune"}:
            extras = {extra for extra in RUN if distributions(module) & names(EXTRAS[extra]) - core}
            if extras and not any(f"pip install 'npvf[{extra}]'" in text for extra in extras):
                silent.append(f"{file.relative_to(ROOT)}: {module}, of {', '.join(sorted(extras))}")
    assert [line for line in silent if not line.startswith(("npvf/training/", "npvf/serve/"))] == []


@pytest.mark.parametrize("part", ["core", *EXTRAS])
def test_constraints_fit_what_is_asked_for(part: str) -> None:
    lines = PROJECT["dependencies"] if part == "core" else EXTRAS[part]
    for requirement in map(Requirement, lines):
        if requirement.name != "npvf":
            assert requirement.specifier.contains(constraints()[canonicalize_name(requirement.name)]), requirement


def test_constraints_are_closed() -> None:
    """Every package that a constrained one needs is constrained too, to a version that it accepts."""
    pinned = constraints()
    for name in pinned:
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # of another platform, or of an extra that is not installed here
        for need in map(Requirement, needs):
            of_the_environment = need.name in ("setuptools", "pip")
            if not of_the_environment and (need.marker is None or need.marker.evaluate({"extra": ""})):
                assert need.specifier.contains(pinned[canonicalize_name(need.name)], prereleases=True), (name, need)


def test_compromised_releases_are_refused() -> None:
    (lightning,) = [line for line in map(Requirement, EXTRAS["train"]) if line.name == "pytorch-lightning"]
    assert not any(lightning.specifier.contains(version) for version in ("2.6.2", "2.6.3"))


def test_every_dependency_says_why() -> None:
    """On its own line, or in the comment above a group of them."""
    text = (ROOT / "pyproject.toml").read_text()
    blocks = re.findall(r"((?:^ {4}# .*\n)*)((?:^ {4}\".*\n)+)", text, flags=re.MULTILINE)
    listed = [(above, line) for above, lines in blocks for line in lines.splitlines() if re.search(r"[<>=]=", line)]
    assert len(listed) > 20
    assert not [line for above, line in listed if not above and " # " not in line]


@pytest.mark.slow
def test_wheel_holds_code_types_and_data(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert "npvf/py.typed" in held
    assert set(tracked) <= held
    assert any(name.endswith("licenses/LICENSE") for name in held)
    assert {name.partition("/")[0] for name in held if ".dist-info" not in name} == set(PACKAGES)


def names(lines: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in lines}


def constraints() -> dict[str, str]:
    """The pinned version of each package, on this Python."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    here = [pin for pin in map(Requirement, lines) if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in here}


def imports(folders: Iterable[str]) -> dict[Path, set[str]]:
    """Each file with the third-party modules that it imports."""
    return {file: imported(file) for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))}


def undeclared(folders: Iterable[str], declared: set[str]) -> set[str]:
    """Lines "file: module" for modules of distributions that are not declared."""
    return {
        f"{file.relative_to(ROOT)}: {module}"
        for file, modules in imports(folders).items()
        for module in modules
        if not declared & distributions(module)
    }


def distributions(module: str) -> set[str]:
    """Names of the distributions that bring a module; of one that is not installed, its own name."""
    return {canonicalize_name(name) for name in BROUGHT_BY.get(module, [module])}


@cache  # every test of this file asks, and nothing is edited meanwhile
def imported(file: Path) -> set[str]:
    """Top-level names of the third-party modules that a file imports, at the top or inside a function."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules.add(node.module.partition(".")[0])
    beside = {path.stem for path in file.parent.glob("*.py")}  # benchmarks import the files beside them
    return modules - {*PACKAGES, "tests", "benchmarks"} - beside - set(sys.stdlib_module_names)
