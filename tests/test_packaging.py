"""The package: what it asks for is what it imports, the constraints fit, the wheel holds everything."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGES = ("npvf", "pretrain", "finetune")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
NOT_ASKED_FOR = {"dev"}  # what only the tests and linters need must not be imported by the packages


def test_everything_imported_is_asked_for() -> None:
    """A package that only comes along with another one can vanish with that one's next release."""
    asked = names(PROJECT["dependencies"]) | {n for e in EXTRAS.keys() - NOT_ASKED_FOR for n in names(EXTRAS[e])}
    brought_by = metadata.packages_distributions()
    missing = {
        f"{file.relative_to(ROOT)}: {module}"
        for file in sources()
        for module in imported(file)
        if not asked & {canonicalize_name(name) for name in brought_by.get(module, [module])}
    }
    assert not missing


@pytest.mark.parametrize("part", ["core", "train", "prepare", "demo", "dev"])
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
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def sources() -> list[Path]:
    return [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]


def imported(file: Path) -> set[str]:
    """Top-level names of the third-party modules that a file imports, at the top or inside a function."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules.add(node.module.partition(".")[0])
    return modules - set(PACKAGES) - set(sys.stdlib_module_names)
