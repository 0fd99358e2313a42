"""Kills `npvf prepare` at random moments, finishes it, and compares with a run that nobody disturbed.

python tests/helpers/kill_prepare.py VIDEOS SCRATCH [--kills 10] [--workers 2] [--seed 0]
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
from pathlib import Path


def kill_often(command: list[str], kills: int, within: tuple[float, float], rng: random.Random) -> int:
    """Start `command` and SIGKILL it `kills` times, at a moment drawn from `within` seconds after each start.

    Every second time the whole process group dies, else the first process alone. Returns how many kills hit: a run
    that ends before its moment ends the series.
    """
    for kill in range(kills):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, start_new_session=True, **quiet)
        try:
            process.wait(rng.uniform(*within))
        except subprocess.TimeoutExpired:
            if kill % 2:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            process.wait()
        else:
            return kill
    return kills


def hashes(folder: Path) -> dict[str, str]:
    """The content of every file of a folder, by its path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> int:
    """0 where nothing was lost, doubled or different."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", default="2")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)

    def command(out: Path) -> list[str]:
        program = [sys.executable, "-m", "npvf.cli.main", "prepare"]
        return [*program, str(args.videos), str(out), "--workers", args.workers, "--shard-mb", "1"]

    whole, killed = args.scratch / "whole", args.scratch / "killed"
    began = time.monotonic()
    subprocess.run(command(whole), check=True)
    seconds = time.monotonic() - began
    hit = kill_often(command(killed), args.kills, (1.0, 2 * seconds / args.kills), rng)
    subprocess.run(command(killed), check=True)
    same = hashes(whole) == hashes(killed)
    print(f"{len(hashes(whole))} files after {hit} kills:", "the same" if same else "DIFFERENT")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
