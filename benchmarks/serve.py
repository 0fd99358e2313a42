"""Send many files to `npvf serve` at the same time: how do they end, and how much memory does the service take?

    python benchmarks/serve.py CLIP [--uploads 20] [-- OPTIONS OF npvf serve]

A service is started with its default limits (one process that judges, ten files that wait), and all copies of the clip
are sent at once. Each must be judged or refused because the queue is full (429). The largest resident memory since the
start (VmHWM in /proc, Linux only) is printed for the server and for the processes that judge.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

BOUNDARY = "npvf-benchmark"


def main() -> None:
    """Start the service, send the clips, wait for all answers; print how they ended, and the memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--uploads", type=int, default=20)
    parser.add_argument("--port", type=int, default=7879)
    parser.add_argument("options", nargs="*", help="options of npvf serve, after --")
    args = parser.parse_args()
    body = form(args.clip)
    with service(args.port, args.options) as (pid, address):
        peaks = {"before": memory(pid)}
        with ThreadPoolExecutor(args.uploads) as threads:
            started = time.monotonic()
            ends = list(threads.map(lambda _: judged(address, body), range(args.uploads)))
        seconds, peaks["after"] = time.monotonic() - started, memory(pid)
    print(f"{args.uploads} uploads of {args.clip.stat().st_size / 1e6:.1f} MB, {seconds:.0f} s: {dict(Counter(ends))}")
    for when, (server, workers) in peaks.items():
        print(f"{when}: server {server} MB, processes that judge {workers} MB, together {server + sum(workers)} MB")


@contextmanager
def service(port: int, options: list[str]) -> Iterator[tuple[int, str]]:
    """Start `npvf serve`, and stop it in the end. Yields its process and its address."""
    command = [sys.executable, "-m", "npvf.cli.main", "serve", "--port", str(port), *options]
    program = subprocess.Popen(command)
    address = f"http://127.0.0.1:{port}/api"
    try:
        while answer(f"{address}/health")[0] != 200:
            if program.poll() is not None:
                raise SystemExit("npvf serve has ended")
            time.sleep(0.5)
        yield program.pid, address
    finally:
        program.terminate()
        program.wait(60)


def judged(address: str, body: bytes) -> str:
    """Send one file and wait for its end: a verdict, a failure with its code, or the status of a refusal."""
    status, job = answer(f"{address}/jobs", body)
    if not 200 <= status < 300:
        return str(status)
    while job["state"] in ("waiting", "running"):
        time.sleep(1.0)
        status, job = answer(f"{address}/jobs/{job['id']}")
        if status != 200:
            return f"lost: {status}"
    if job["state"] == "failed":
        return job["error"].partition(":")[0]
    return answer(f"{address}/jobs/{job['id']}/result")[1]["verdict"]


def answer(url: str, body: bytes | None = None) -> tuple[int, dict]:
    """Return the status and the content of an answer; 0 if there is none."""
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"} if body else {}
    try:
        with urlopen(Request(url, body, kind), timeout=120) as found:
            return found.status, json.load(found)
    except HTTPError as error:
        return error.code, {}
    except (URLError, HTTPException, OSError):
        return 0, {}


def form(clip: Path) -> bytes:
    """Return a form with the clip as the field `file`."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{clip.name}"\r\n\r\n'
    return head.encode() + clip.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


def memory(pid: int) -> tuple[int, list[int]]:
    """Return the largest resident memory in MB of a process, and of each of its children with more than 100 MB."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    peaks = [peak(int(child)) for thread in threads for child in thread.read_text(encoding="ascii").split()]
    return peak(pid), [one for one in peaks if one > 100]


def peak(pid: int) -> int:
    """Return VmHWM in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(round(int(line.split()[1]) / 1000) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
