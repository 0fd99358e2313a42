"""Run a function in several processes that talk to each other with gloo, as the ranks of a training.

A rank that waits too long for another one gets an error from gloo; one that hangs anywhere else is ended, and the test
fails with the line at which each rank was.

The function must leave the process group alone. A `DistributedDataParallel` that outlives `destroy_process_group` ends
the group itself when it is freed, and torch 2.11 hangs there now and then: it waits for a thread of gloo while it holds
the lock of the interpreter, for which that thread waits. Here the function has returned before the group is destroyed.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing

HERE = "127.0.0.1"
WAIT_S, HANG_S = 240, 300  # imports alone take a minute where many tests run at the same time


def on_loopback() -> dict[str, str]:
    """The environment with which gloo talks over the loopback interface: it would look up the machine's name, else."""
    names = {name for _, name in socket.if_nameindex()}
    loopback = next((name for name in ("lo", "lo0") if name in names), None)
    return {} if loopback is None else {"GLOO_SOCKET_IFNAME": loopback}


def run_ranks(function: Callable[..., None], *args: Any, world: int) -> None:
    """Call `function(rank, *args)` in `world` new processes, and wait for them.

    The function is one of a module, since a new process imports it. An error in a rank is raised here.
    """
    store = distributed.TCPStore(HERE, 0, is_master=True, wait_for_workers=False)
    with tempfile.TemporaryDirectory() as folder:
        ranks = multiprocessing.spawn(
            _rank, (function, world, store.port, Path(folder), args), nprocs=world, join=False
        )
        try:
            until = time.monotonic() + HANG_S + 60
            while not ranks.join(timeout=5):
                assert time.monotonic() < until, "a rank did not even start"
        except (multiprocessing.ProcessRaisedException, multiprocessing.ProcessExitedException) as error:
            for path in sorted(Path(folder).iterdir()):
                error.add_note(f"{path.stem} was here when it was ended: {path.read_text() or 'not ended'}")
            raise
        finally:
            for process in ranks.processes:
                process.kill()


def _rank(rank: int, function: Callable[..., None], world: int, port: int, folder: Path, args: Sequence[Any]) -> None:
    trace = (folder / f"rank{rank}.txt").open("w")
    faulthandler.dump_traceback_later(HANG_S, exit=True, file=trace)  # also if it hangs when it ends
    faulthandler.register(signal.SIGTERM, file=trace, chain=True)  # another rank has failed
    os.environ.update(on_loopback())
    torch.set_num_threads(1)
    wait = timedelta(seconds=WAIT_S)
    store = distributed.TCPStore(HERE, port, is_master=False, timeout=wait)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=world, timeout=wait)
    function(rank, *args)
    distributed.destroy_process_group()


def run_command(command: Sequence[str], variables: dict[str, str]) -> tuple[int, str]:
    """Run a command that starts ranks itself. Returns its exit status, and what it said on standard error."""
    environment = {**variables, **on_loopback(), "PYTHONFAULTHANDLER": "1"}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=said, env=environment, start_new_session=True
        )
        try:
            status = process.wait(HANG_S + 100)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGABRT)  # each rank prints where it is
            process.wait()
            time.sleep(1)
            status = -signal.SIGABRT
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        said.seek(0)
        return status, said.read()
