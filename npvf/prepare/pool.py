"""A pool of processes in which the death of one costs only the task it was at.

`concurrent.futures` declares its whole pool broken when one worker dies, and does not say at which task. Decoders do
crash, and long videos meet the kernel's out-of-memory killer; here each worker has its own pipe: the culprit is known.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

_CONTEXT = multiprocessing.get_context("spawn")  # a forked child inherits locks of the decoders' and torch's threads


@dataclass(frozen=True, slots=True)
class Done:
    """The function's result."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """The traceback of the exception that the function raised."""

    trace: str


@dataclass(frozen=True, slots=True)
class Died:
    """The process ended in the middle of the task; negative exit codes are signals."""

    exit_code: int

    def __str__(self) -> str:
        if self.exit_code >= 0:
            return f"exit status {self.exit_code}"
        return signal.Signals(-self.exit_code).name


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The task was not finished within the time limit, and its process was killed."""

    seconds: float


Outcome = Done | Failed | Died | TimedOut


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one task; None: no limit.

    Attributes:
        seconds: wall-clock time from the moment that a worker gets the task.
        memory: bytes of private memory (RLIMIT_DATA, on Linux): beyond it a request for memory fails in the worker.
    """

    seconds: float | None = None
    memory: int | None = None


def run_tasks(
    function: Callable[[Any], Any], tasks: Iterable[Any], workers: int, limits: Limits = Limits()
) -> Iterator[tuple[Any, Outcome]]:
    """`function(task)` for each task, in `workers` processes, as they finish: pairs (task, outcome).

    `function` and tasks are pickled; 0 workers run in this process, without limits. Closing the iterator ends the
    workers at once.
    """
    waiting = iter(tasks)
    if workers == 0:
        yield from ((task, _call(function, task)) for task in waiting)
        return
    busy: dict[Connection, Worker] = {}
    try:
        for _ in range(workers):
            _give_next(Worker(function, limits), waiting, busy)
        while busy:
            ready = wait(list(busy), _shortest(busy.values()))
            late = [connection for connection, worker in busy.items() if worker.seconds_left <= 0]
            for connection in [connection for connection in busy if connection in ready or connection in late]:
                worker = busy.pop(connection)
                task = worker.task
                outcome = worker.outcome() if connection in ready else worker.give_up()
                if isinstance(outcome, Died | TimedOut):
                    worker = Worker(function, limits)
                _give_next(worker, waiting, busy)
                yield task, outcome
    finally:
        for worker in busy.values():
            worker.stop()


def _shortest(workers: Iterable[Worker]) -> float | None:
    """Return the seconds until the first limit, None if there is none."""
    seconds = min(worker.seconds_left for worker in workers)
    return None if math.isinf(seconds) else seconds


def _give_next(worker: Worker, waiting: Iterator[Any], busy: dict[Connection, Worker]) -> None:
    for task in waiting:
        worker.give(task)
        busy[worker.connection] = worker
        return
    worker.stop()


@dataclass(slots=True)
class Worker:
    """A process that works on one task at a time. It starts with its first task, and anew after it died.

    Args:
        function: is called with each task.
        limits: of each task.
    """

    function: Callable[[Any], Any]
    limits: Limits
    connection: Connection = field(init=False)
    task: Any = None
    _process: Any = None
    _deadline: float = math.inf

    def run(self, task: Any) -> Outcome:
        """Work on a task and wait for it."""
        self.give(task)
        outcome = self.outcome() if wait([self.connection], _shortest([self])) else self.give_up()
        if isinstance(outcome, Died | TimedOut):
            self._process, self._deadline = None, math.inf
        return outcome

    def give(self, task: Any) -> None:
        """Begin a task."""
        if self._process is None:
            self.connection, child = _CONTEXT.Pipe()
            self._process = _CONTEXT.Process(target=_serve, args=(child, self.limits.memory), daemon=True)
            self._process.start()
            child.close()  # ours alone would keep the pipe open after the child's death
        self.task = task
        if self.limits.seconds is not None:
            self._deadline = time.monotonic() + self.limits.seconds
        with suppress(BrokenPipeError):  # died while idle: `outcome` finds that out
            self.connection.send((self.function, task))

    def outcome(self) -> Outcome:
        """Return the outcome of a task whose connection is ready."""
        try:
            return self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            return Died(self._process.exitcode)

    @property
    def seconds_left(self) -> float:
        """Return the time until the limit of the task; infinity without a limit."""
        return max(0.0, self._deadline - time.monotonic())

    def give_up(self) -> TimedOut:
        """Kill the process in the middle of its task."""
        self.stop()
        assert self.limits.seconds is not None
        return TimedOut(self.limits.seconds)

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()  # between tasks or not: unfinished work leaves nothing behind
            self._process.join()


def _serve(connection: Connection, memory: int | None) -> None:
    # One thread a process is the fastest where every core has a process. Libraries read this when they are imported,
    # which happens when the first task's function is unpickled.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if memory is not None:
        _limit_memory(memory)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            function, task = connection.recv()
        except EOFError:
            return
        connection.send(_call(function, task))


def _limit_memory(memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    resource.setrlimit(resource.RLIMIT_DATA, (memory, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _end_with_parent() -> None:
    """A worker whose parent was killed must not go on writing beside the next run's workers."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _call(function: Callable[[Any], Any], task: Any) -> Outcome:
    try:
        return Done(function(task))
    except Exception:  # not swallowed: its traceback goes to the caller, who says it when the others are finished
        return Failed(traceback.format_exc())
