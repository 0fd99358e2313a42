"""A service that is stopped, by systemd or by a container, leaves nothing on the disk."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

pytest.importorskip("uvicorn", reason="needs the extra web: pip install 'npvf[web]'")


@pytest.mark.slow
def test_sigterm_removes_all_files(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", "--api-only", "--detector", "silence", "--device", "cpu", "--port", str(port)]
    program = subprocess.Popen(
        [sys.executable, "-m", "npvf.cli.main", *words], env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    try:
        wait_for_health(f"http://127.0.0.1:{port}/api/health")
        assert list(tmp_path.glob("npvf-serve-*"))
        program.terminate()
        assert program.wait(timeout=30) == 130
        assert not list(tmp_path.glob("npvf-serve-*"))
    finally:
        program.kill()


def wait_for_health(url: str) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            with urlopen(url):
                return
        except URLError:
            time.sleep(0.1)
    raise AssertionError("it did not start")
