"""Kill `npvf prepare` at random moments, finish it, and compare with a run that nobody disturbed.

    python benchmarks/kills.py VIDEOS SCRATCH [--kills 20] [--groups 3] [--workers 2] [--seed 0]

SIGKILL takes the first process, and `--groups` times the whole process group. The moment is random in the start-up of a
run, or in the work on one of its first three videos. A corpus that is finished nevertheless is compared and checked
(`--verify`), and the next kills hit a new one, until all have hit. The exit status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


Moment = Callable[["subprocess.Popen[bytes]"], None]
"""Returns at the moment to kill a process, or when it has ended."""


def kill_often(command: list[str], groups: Sequence[bool], moment: Moment) -> int:
    """Start `command` and SIGKILL it once for each entry of `groups`, at a moment.

    True kills the whole process group, False the first process alone. Returns how many kills hit: a run that ends
    before its moment ends the series.
    """
    for hit, group in enumerate(groups):
        process = subprocess.Popen(command, start_new_session=True, **QUIET)
        moment(process)
        if process.poll() is not None:
            return hit
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
    return len(groups)


def after(seconds: float) -> Moment:
    """A moment so many seconds after the start."""

    def wait(process: subprocess.Popen[bytes]) -> None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)

    return wait


def at_work(out: Path, rng: random.Random, start: float, each: float) -> Moment:
    """A random moment in the start-up, which takes some seconds, or in the work on one of the first three videos."""

    def wait(process: subprocess.Popen[bytes]) -> None:
        videos, before = rng.randrange(4), _finished(out)
        while _finished(out) < before + videos and process.poll() is None:
            time.sleep(0.02)
        after(rng.random() * (each if videos else start))(process)

    return wait


def _finished(out: Path) -> int:
    """The number of videos that wait for a shard or are in one."""
    lines = (path.read_bytes().count(b"\n") for path in out.glob(".work/shard-*.jsonl"))
    return sum(1 for _ in out.glob(".work/*.json")) + sum(lines)


def hashes(folder: Path) -> dict[str, str]:
    """The content of every file of a folder, by its path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> int:
    """0 where nothing was lost, doubled or different."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--groups", type=int, default=3)
    parser.add_argument("--workers", default="2")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)

    program = [sys.executable, "-m", "npvf.cli.main", "prepare"]
    options = ["--workers", args.workers, "--shard-mb", "1"]
    whole = args.scratch / "whole"
    start, end = _undisturbed([*program, str(args.videos), str(whole), *options], whole)
    videos = len((whole / "manifest.jsonl").read_bytes().splitlines())
    print(f"undisturbed: {len(hashes(whole))} files in {end:.0f} s, the first video after {start:.0f} s", flush=True)
    left = rng.sample([True] * args.groups + [False] * (args.kills - args.groups), args.kills)
    good = True
    for number in range(args.kills + 1):
        if not left:
            break
        out = args.scratch / f"killed-{number}"
        command = [*program, str(args.videos), str(out), *options]
        hit = kill_often(command, left, at_work(out, rng, start, (end - start) / videos))
        subprocess.run(command, check=True, **QUIET)
        clean = subprocess.run([*program, "--verify", str(out)], **QUIET).returncode == 0
        same = hashes(out) == hashes(whole)
        what = f"{hit} kills, {sum(left[:hit])} of the whole group"
        print(f"{what}: {'the same' if same else 'DIFFERENT'}, {'clean' if clean else 'DAMAGED'}", flush=True)
        good, left = good and same and clean, left[hit:]
    return 0 if good and not left else 1


def _undisturbed(command: list[str], out: Path) -> tuple[float, float]:
    """Run the command. Return the seconds until the first video was finished, and those until the end."""
    began = time.monotonic()
    process = subprocess.Popen(command, **QUIET)
    while process.poll() is None and not _finished(out):
        time.sleep(0.05)
    start = time.monotonic() - began
    assert process.wait() == 0, command
    return start, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
