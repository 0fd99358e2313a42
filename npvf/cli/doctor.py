"""`npvf doctor`: list what is installed, what is missing or wrong, and the command that fixes it.

The command reads the metadata of packages instead of importing them, so it also works if an import would crash.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from npvf.errors import MissingDependency, NpvfError
from npvf.faces.model_file import face_model_path
from npvf.version import __version__

CORE = "core"
# library -> (Debian package, who needs it, part): libraries that the wheels of opencv and mediapipe do not contain.
SYSTEM_LIBRARIES = {
    "libEGL.so.1": ("libegl1", "MediaPipe", "mediapipe"),
    "libGLESv2.so.2": ("libgles2", "MediaPipe", "mediapipe"),
    "libGL.so.1": ("libgl1", "OpenCV", CORE),
}
# GHSA-w37p-236h-pfx3: importing one of these runs code that steals credentials.
COMPROMISED = {"pytorch-lightning": {"2.6.2", "2.6.3"}, "lightning": {"2.6.2", "2.6.3"}}

State = Literal["ok", "missing", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement. `parts` is "core" or the extras that need it; `fix` is the command that fixes it, or empty."""

    parts: list[str]
    name: str
    state: State
    found: str
    wanted: str = ""
    fix: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Check everything and print it. Returns 0 if the core works (packages, system libraries, face model), else 1."""
    findings = examine()
    works = all(finding.state == "ok" for finding in findings if CORE in finding.parts)
    if args.json:
        report = {**machine(), "core_works": works, "findings": [asdict(finding) for finding in findings]}
        print(json.dumps(report, indent=2))
    else:
        _print(findings, works)
    return 0 if works else 1


def examine() -> list[Finding]:
    """Check all requirements, in this order: packages by extra, system libraries, files.

    Raises:
        NpvfError: npvf itself is not installed, so its requirements are unknown.
    """
    try:
        needs = metadata.requires("npvf") or []
    except metadata.PackageNotFoundError as error:
        raise NpvfError("npvf is not installed in this Python; run in its repository: pip install -e .") from error
    extras = set(metadata.metadata("npvf").get_all("Provides-Extra") or []) - {"all"}
    files = [_face_model(), _espeak_data()]
    return [*packages(needs, extras), *compromised(), *system_libraries(), *files]


def packages(needs: Iterable[str], extras: Iterable[str]) -> Iterator[Finding]:
    """Check each package. `needs` are requirement lines as `importlib.metadata.requires` returns them."""
    requirements = [Requirement(line) for line in needs]
    parts = {part: {r.name: r for r in requirements if _belongs(r, part)} for part in (CORE, *extras)}
    small_first = sorted(parts, key=lambda part: (part != CORE, len(parts[part])))
    for part in small_first:
        for name, requirement in parts[part].items():
            users = [user for user in small_first if name in parts[user]]
            if users[0] == part:
                yield _package(requirement, users)


def _belongs(requirement: Requirement, part: str) -> bool:
    if requirement.name == "npvf":  # an extra made of other extras
        return False
    if requirement.marker is None:
        return part == CORE
    in_core = requirement.marker.evaluate({"extra": ""})
    return in_core if part == CORE else not in_core and requirement.marker.evaluate({"extra": part})


def _package(requirement: Requirement, parts: list[str]) -> Finding:
    name, wanted = requirement.name, str(requirement.specifier)
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        whole = "npvf" if CORE in parts else f"npvf[{parts[0]}]"
        return Finding(parts, name, "missing", "", wanted, f"pip install '{whole}'")
    if not requirement.specifier.contains(version, prereleases=True):
        return Finding(parts, name, "wrong", version, wanted, f"pip install '{name}{wanted}'")
    if unmet := _unmet(name):
        return Finding(parts, name, "wrong", version, f"with {', '.join(unmet)}", f"pip install {shlex.join(unmet)}")
    return Finding(parts, name, "ok", version, wanted)


def _unmet(name: str) -> list[str]:
    """The unmet requirements of an installed package: torchvision, for example, needs one exact release of torch."""
    needs = [Requirement(line) for line in metadata.requires(name) or []]
    return [f"{need.name}{need.specifier}" for need in needs if _belongs(need, CORE) and not _is_met(need)]


def _is_met(need: Requirement) -> bool:
    try:
        return need.specifier.contains(metadata.version(need.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def compromised() -> Iterator[Finding]:
    """Report releases that must not be installed on any machine."""
    for name, versions in COMPROMISED.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if version in versions:
            wanted = "another release: this one steals credentials; change all credentials on this machine"
            yield Finding([CORE], name, "wrong", version, wanted, f"pip uninstall {name}")


def system_libraries() -> Iterator[Finding]:
    """Check the shared libraries that the wheels do not contain. Only on Linux are they separate packages."""
    if sys.platform != "linux":
        return
    absent = [library for library in SYSTEM_LIBRARIES if not _loads(library)]
    fix = "apt-get install " + " ".join(SYSTEM_LIBRARIES[library][0] for library in absent)
    for library, (_, user, part) in SYSTEM_LIBRARIES.items():
        if library in absent:
            yield Finding([part], library, "missing", "", f"for {user}", fix)
        else:
            yield Finding([part], library, "ok", "loads", f"for {user}")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _face_model() -> Finding:
    name, fix = "face landmark model", "npvf models fetch"
    try:
        return Finding([CORE], name, "ok", str(face_model_path()), "sha256 as published")
    except MissingDependency:
        return Finding([CORE], name, "missing", "", "for prepare and detect", fix)
    except NpvfError as error:
        return Finding([CORE], name, "wrong", str(error), "sha256 as published", fix)


def _espeak_data() -> Finding:
    spec = find_spec("espeakng_loader")
    name, fix = "eSpeak NG voices", "pip install --force-reinstall espeakng-loader"
    if spec is None or spec.origin is None:
        return Finding(["demo"], name, "missing", "", "for synth", "pip install 'npvf[demo]'")
    data = Path(spec.origin).parent / "espeak-ng-data"
    if not (data / "phontab").is_file():
        return Finding(["demo"], name, "missing", "", f"in {data}", fix)
    return Finding(["demo"], name, "ok", str(data), "for synth")


def machine() -> dict[str, Any]:
    """Versions and hardware. The GPUs and their memory are as `nvidia-smi` lists them."""
    gpus: list[str] = []
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
        done = subprocess.run(query, capture_output=True, text=True)
        gpus = done.stdout.strip().splitlines() if done.returncode == 0 else []
    return {
        "npvf": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpus": gpus,
    }


def _print(findings: list[Finding], works: bool) -> None:
    console = Console()
    here = machine()
    console.print(
        f"npvf {here['npvf']}, Python {here['python']}, {here['platform']}, {here['cpu_cores']} CPU cores, "
        f"GPU: {', '.join(here['gpus']) or 'none found'}",
        highlight=False,
    )
    table = Table("needed by", box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("state")
    table.add_column("found", overflow="fold")
    table.add_column("wanted")
    colours = {"ok": "green", "missing": "yellow", "wrong": "red"}
    for finding in findings:
        state = f"[{colours[finding.state]}]{finding.state}[/]"
        table.add_row(" ".join(finding.parts), finding.name, state, escape(finding.found), escape(finding.wanted))
    console.print(table)
    fixes = dict.fromkeys(finding.fix for finding in findings if finding.fix)
    if fixes:
        console.print("\nTo fix this, run:")
        for fix in fixes:
            console.print(f"  {fix}", highlight=False, markup=False, soft_wrap=True)
    console.print("\nThe core works." if works else "\n[red]The core does not work yet.[/]")
