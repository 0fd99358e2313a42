"""`FunctionProcess`: call a Python function of somebody else in a process that can be killed."""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from npvf.errors import NpvfError

LOAD_SECONDS = 600.0
"""The time to import a module: it may load a large model."""


class FunctionProcess:
    """A process that has imported `module:function` and answers one question after the other.

    A thread or an alarm in this process could not end a function that hangs in C code, and would not survive a crash.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._process: Any = None
        self._pipe: Connection | None = None

    def start(self) -> None:
        """Start the process and import the function. Raises NpvfError if it cannot be imported."""
        context = multiprocessing.get_context("spawn")  # not fork: torch and CUDA do not survive it
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self.place, theirs, str(Path.cwd())))
        self._process.start()
        theirs.close()
        kind, answer = self._answer(LOAD_SECONDS)
        if kind != "ready":
            self.stop()
            raise NpvfError(f"--detector {self.place} cannot be imported: {answer}")

    def ask(self, video: str, seconds: float) -> tuple[str, Any]:
        """Return ("score", number), or a code ("crash", "timeout", "no_score") and a sentence.

        Raises:
            NpvfError: the process had ended, and a new one cannot import the function.
        """
        if self._process is None:
            self.start()
        return self._answer(seconds, video)

    def stop(self) -> None:
        """Kill the process: it may hang."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process, self._pipe = None, None

    def _answer(self, seconds: float, video: str | None = None) -> tuple[str, Any]:
        pipe, process = self._pipe, self._process
        assert pipe is not None
        try:
            if video is not None:
                pipe.send(video)
            if pipe.poll(seconds):
                return pipe.recv()
        except (EOFError, OSError):  # the process has ended, or `stop` was called by another thread
            process.join()
            self.stop()
            return "crash", f"its process ended: {in_words(process.exitcode)}"
        self.stop()
        return "timeout", f"no answer after {seconds:g} s"


def in_words(status: int) -> str:
    """Return the exit status of a process in words.

    Examples:
        >>> in_words(3), in_words(-11)
        ('exit status 3', 'killed by SIGSEGV')
    """
    known = {one.value for one in signal.Signals}
    return f"killed by {signal.Signals(-status).name}" if -status in known else f"exit status {status}"


def _serve(place: str, pipe: Connection, folder: str) -> None:
    """Answer questions until the pipe is closed. What the function prints goes to stderr: stdout is npvf's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the parent stops this process
    os.dup2(2, 1)
    try:
        function = _found(place, folder)
    except BaseException as error:
        pipe.send(("unusable", f"{type(error).__name__}: {error}"))
        return
    pipe.send(("ready", None))
    while True:
        try:
            video = pipe.recv()
        except EOFError:  # the parent has ended
            return
        pipe.send(_called(function, video))


def _called(function: Callable[[str], Any], video: str) -> tuple[str, Any]:
    try:
        answer = function(video)
    except Exception as error:
        return "crash", f"{type(error).__name__}: {error}"
    try:
        return "score", number_of(answer)
    except ValueError as error:
        return "no_score", str(error)


def number_of(answer: Any) -> float:
    """Return the number in an answer: a number (also one of numpy or torch), or a dict with the key `score`.

    Raises:
        ValueError: there is none; the text says what the answer is.

    Examples:
        >>> number_of({"score": 0.25, "model": "theirs"})
        0.25
    """
    try:
        return float(answer["score"] if isinstance(answer, dict) else answer)
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"the answer is {str(answer)[:100]!r}, without a number") from None


def _found(place: str, folder: str) -> Callable[[str], Any]:
    module_name, _, name = place.rpartition(":")
    sys.path.insert(0, folder)  # as `python -m` does
    if module_name.endswith(".py"):
        path = Path(module_name)
        sys.path.insert(0, str(path.parent.resolve()))  # as `python their.py` does
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(module_name)
    function: Callable[[str], Any] = getattr(module, name)
    if not callable(function):
        raise TypeError(f"{name} is not a function")
    return function
