"""The queue of jobs: a file waits for a process, is judged and removed, and its result stays for a while."""

from __future__ import annotations

import json
import logging
import math
import secrets
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from npvf.errors import NpvfError, Reason
from npvf.prepare.pool import Died, Done, Failed, Limits, Outcome, TimedOut, Worker
from npvf.serve.files import PROGRESS, UPLOAD
from npvf.serve.settings import Load, ServeSettings, Upload

LOG = logging.getLogger("npvf.serve")
LOAD_SECONDS = 600.0  # to load the detector
FIRST_GUESS = 30.0  # seconds for a job, before one was finished
LOOK_EVERY = 0.2  # seconds between two looks whether a running job was deleted


def judge(task: Load | Upload) -> str:
    """Call `npvf.serve.work.work`, which imports torch: the process of the server does without."""
    from npvf.serve.work import work

    return work(task)


class State(StrEnum):
    """The state of a job. A job that is done has a result, also if its verdict is "abstain"."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Full(Exception):
    """There is no place in the queue; `retry_after` is the time, in seconds, after which there may be one."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"The queue is full. Try again in about {retry_after} s.")
        self.retry_after = retry_after


@dataclass(slots=True, eq=False)
class Job:
    """One upload. `id` cannot be guessed: who knows it may read the result.

    Attributes:
        error: why it failed, beginning with a code ("time_limit: ...").
        ended: when it was done or failed, on `time.monotonic`'s clock; None: it was not yet.
        removed: True when the user has deleted it.
    """

    id: str
    folder: Path
    name: str = ""
    state: State = State.WAITING
    error: str = ""
    started: float = 0.0
    ended: float | None = None
    removed: bool = False

    def progress(self) -> tuple[str, float]:
        """Return the step ("load", "frames", "audio", "clips", "report") of a running job, and its share in [0, 1]."""
        try:
            note = json.loads((self.folder / PROGRESS).read_bytes())
        except FileNotFoundError:
            return "load", 0.0
        return note["step"], note["share"]


class Jobs:
    """All jobs, their folders, and the processes that work on them. Use it as a context manager.

    Args:
        settings: the limits.
        function: does a task in another process (tests have one that is quick).
    """

    def __init__(self, settings: ServeSettings, function: Callable[[Any], str] = judge) -> None:
        self.settings = settings
        self._function = function
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._arriving = 0
        self._mean_seconds = FIRST_GUESS
        self._stopping = False
        self._changed = threading.Condition(threading.RLock())
        self._threads: list[threading.Thread] = []
        self._root = tempfile.TemporaryDirectory(prefix="npvf-serve-")  # only this user can read it

    def __enter__(self) -> Jobs:
        """Load the detector in each process.

        Raises:
            NpvfError: it cannot be loaded.
        """
        workers = [self._worker() for _ in range(self.settings.workers)]
        try:
            for worker in workers:
                worker.give(self._load)
            for worker in workers:
                _check_loaded(self._outcome(worker, LOAD_SECONDS))
        except BaseException:
            for worker in workers:
                worker.stop()
            self._root.cleanup()
            raise
        self._threads = [threading.Thread(target=self._work, args=(worker,), daemon=True) for worker in workers]
        self._threads.append(threading.Thread(target=self._expire, daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes and remove all files."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._root.cleanup()

    @contextmanager
    def place(self) -> Iterator[Job]:
        """Hold a place in the queue for an upload, and give the job with its empty folder. `add` queues it.

        Raises:
            Full: there is no place.
        """
        with self._changed:
            if self._arriving + len(self._waiting) >= self.settings.queue:
                raise Full(self._retry_after())
            self._arriving += 1
        job = Job(secrets.token_urlsafe(16), Path(self._root.name) / secrets.token_hex(16))
        job.folder.mkdir()
        try:
            yield job
        finally:
            with self._changed:
                self._arriving -= 1
                kept = job.id in self._jobs or job.removed
            if not kept:
                shutil.rmtree(job.folder, ignore_errors=True)

    def add(self, job: Job) -> None:
        """Queue a job whose folder has the upload."""
        with self._changed:
            self._jobs[job.id] = job
            self._waiting.append(job)
            self._changed.notify_all()

    def get(self, job_id: str) -> Job:
        """Return a job. Raises KeyError if there is none, or if it has expired."""
        with self._changed:
            return self._jobs[job_id]

    def position(self, job: Job) -> int | None:
        """Return the place of a waiting job in the queue, from 1; None: it does not wait."""
        with self._changed:
            return self._waiting.index(job) + 1 if job in self._waiting else None

    def remove(self, job_id: str) -> None:
        """Delete a job with all its files; a running one is stopped. Raises KeyError if there is none."""
        with self._changed:
            job = self._jobs.pop(job_id)
            job.removed = True
            if job in self._waiting:
                self._waiting.remove(job)
            running = job.state is State.RUNNING
        if not running:  # otherwise its thread removes the folder, when the process has ended
            shutil.rmtree(job.folder, ignore_errors=True)

    def _retry_after(self) -> int:
        return max(1, math.ceil(self._mean_seconds / self.settings.workers))

    @property
    def _load(self) -> Load:
        return Load(self.settings.detector, self.settings.device)

    def _worker(self) -> Worker:
        return Worker(self._function, Limits(memory=self.settings.job_memory))

    def _work(self, worker: Worker) -> None:
        """Work on jobs, one after the other, until the service stops. A process that ended is replaced."""
        while (job := self._next()) is not None:
            worker.give(Upload(job.folder, job.name, self.settings.max_seconds, self._load))
            outcome = self._outcome(worker, self.settings.job_seconds, job)
            lost = not isinstance(outcome, Done | Failed)
            if lost:
                worker.stop()  # before its files are removed
            self._end(job, outcome)
            if lost and not self._stopping:
                worker = self._worker()
                worker.give(self._load)
                self._outcome(worker, LOAD_SECONDS)
        worker.stop()

    def _next(self) -> Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._waiting)
            if self._stopping:
                return None
            job = self._waiting.popleft()
            job.state, job.started = State.RUNNING, time.monotonic()
            return job

    def _outcome(self, worker: Worker, seconds: float, job: Job | None = None) -> Outcome | None:
        """Wait for the worker; None: the job was deleted, or the service stops."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if wait([worker.connection], timeout=LOOK_EVERY):
                return worker.outcome()
            if self._stopping or (job and job.removed):
                return None
        return TimedOut(seconds)

    def _end(self, job: Job, outcome: Outcome | None) -> None:
        """Remove the upload, and keep the result."""
        (job.folder / UPLOAD).unlink(missing_ok=True)
        error = _error(job, outcome)
        with self._changed:
            job.state, job.error = (State.FAILED, error) if error else (State.DONE, "")
            job.ended = time.monotonic()
            self._mean_seconds = 0.7 * self._mean_seconds + 0.3 * (job.ended - job.started)
            removed = job.removed
        if removed:
            shutil.rmtree(job.folder, ignore_errors=True)

    def _expire(self) -> None:
        """Remove the results that are too old or too many, again and again."""
        every = min(30.0, self.settings.keep_seconds / 2)
        with self._changed:
            while not self._stopping:
                old = time.monotonic() - self.settings.keep_seconds
                ended = [job for job in self._jobs.values() if job.ended is not None]
                ended.sort(key=lambda job: job.ended or 0.0, reverse=True)
                for rank, job in enumerate(ended):
                    if rank >= self.settings.keep_results or (job.ended or 0.0) < old:
                        self.remove(job.id)
                self._changed.wait_for(lambda: self._stopping, timeout=every)


def _error(job: Job, outcome: Outcome | None) -> str:
    """Return why a job has no result, beginning with a code; "": it has one."""
    if isinstance(outcome, Done):
        return str(outcome.value)
    if isinstance(outcome, TimedOut):
        return f"{Reason.TIME_LIMIT}: it was not judged within {outcome.seconds:g} s."
    if isinstance(outcome, Died):
        return f"{Reason.UNDECODABLE}: its decoder ended the process ({outcome})."
    if isinstance(outcome, Failed):
        if "MemoryError" in outcome.trace.rstrip().rpartition("\n")[2]:
            return f"{Reason.MEMORY_LIMIT}: it needs more memory than this service gives a file."
        LOG.error("job %s: %s", job.id[:6], outcome.trace)  # who has the whole id may read the result
        return "error: npvf failed at this file. The log of the server says where."
    return "stopped: it was deleted, or the service was stopped."


def _check_loaded(outcome: Outcome | None) -> None:
    if not isinstance(outcome, Done):
        told = outcome.trace if isinstance(outcome, Failed) else str(outcome)
        raise NpvfError(f"the detector could not be loaded: {told}")
    if outcome.value:
        raise NpvfError(outcome.value)
