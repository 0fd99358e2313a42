"""A detector of somebody else as a function of a path: a Python function, or a command that prints a score.

Both run in a process of their own, so that a crash or an endless loop costs one video and not the evaluation. What
gives no score raises `Miss`, whose text begins with a code: crash, timeout, no_score, not_finite or out_of_range.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import IO, Any, Protocol

from scipy.special import expit

from npvf.errors import NpvfError
from npvf.evaluate.outside.function_process import FunctionProcess, in_words, number_of

COMMAND = "cmd:"
VIDEO = "{video}"
_FUNCTION = re.compile(r"[\w./-]+:[A-Za-z_]\w*")
_TAIL = 1 << 16  # bytes of the output that are read: the score is in its last line
_SHOWN = 200  # characters of a message that go into a reason


class Miss(Exception):
    """A detector gave no score for a video; the text begins with a code."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The seconds a detector has for one video, and whether its scores are log-odds instead of probabilities."""

    seconds: float = 300.0
    logits: bool = False


class OutsideDetector(Protocol):
    """Anything that gives a path a score."""

    def score(self, video: Path) -> float:
        """Return the probability of fake. Raises `Miss`."""

    def close(self) -> None:
        """End its process at once, also in the middle of a video."""


def is_outside(detector: str) -> bool:
    """Return True for `module:function`, `file.py:function` and `cmd: ...`, which are not folders of npvf.

    Examples:
        >>> is_outside("their.module:score"), is_outside("cmd: python their.py {video}"), is_outside("people-v1")
        (True, True, False)
    """
    if detector.startswith(COMMAND):
        return True
    return bool(_FUNCTION.fullmatch(detector)) and not Path(detector).exists()


def outside_detector(detector: str, limits: Limits) -> OutsideDetector:
    """Start a detector.

    Args:
        detector: `module:function` or `file.py:function`, which takes a path (str) and returns a number, or a dict with
            the key `score`; or `cmd: words`, in which `{video}` stands for the path. A command prints a number, or a
            JSON object with `score`, as the last line on stdout.
        limits: time and scale.

    Raises:
        NpvfError: the function cannot be imported, or the command cannot be read.
    """
    if detector.startswith(COMMAND):
        return CommandDetector(detector.removeprefix(COMMAND), limits)
    return FunctionDetector(detector, limits)


class CommandDetector:
    """A command for each video. No shell reads it: the words are split once, then the path replaces `{video}`."""

    def __init__(self, command: str, limits: Limits) -> None:
        self.limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.words = shlex.split(command)
        except ValueError as error:
            raise NpvfError(f"--detector: the command {command!r} cannot be split into words: {error}") from error
        if not any(VIDEO in word for word in self.words):
            raise NpvfError(f"--detector: write {VIDEO} in the command where the path belongs: 'cmd: their.py {VIDEO}'")

    def score(self, video: Path) -> float:
        """Run the command on one video. Raises `Miss`."""
        words = [word.replace(VIDEO, str(video.resolve())) for word in self.words]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            status = self._run(words, out, err)
            if status:
                raise Miss(f"crash: {in_words(status)}{_said(err)}")
            lines = _tail(out).splitlines()
        if not lines:
            raise Miss("no_score: it printed nothing on stdout")
        try:
            number = number_of(_parsed(lines[-1]))
        except ValueError as error:
            raise Miss(f"no_score: {error}") from None
        return probability(number, self.limits.logits)

    def close(self) -> None:
        """Kill the running command with all processes that it started."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _run(self, words: list[str], out: IO[bytes], err: IO[bytes]) -> int:
        """Return the exit status. The command and what it started are killed at the time limit."""
        try:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )
        except OSError as error:  # no such program, or it cannot be executed: no video will have a score
            raise NpvfError(f"--detector: {words[0]!r} cannot be started: {error.strerror}") from error
        try:
            return self._process.wait(self.limits.seconds)
        except subprocess.TimeoutExpired:
            raise Miss(f"timeout: no answer after {self.limits.seconds:g} s") from None
        finally:
            self.close()


class FunctionDetector:
    """A Python function in a process that stays: a model that the module loads is loaded once."""

    def __init__(self, place: str, limits: Limits) -> None:
        self.limits = limits
        self._process = FunctionProcess(place)
        self._process.start()

    def score(self, video: Path) -> float:
        """Call the function with one path. Raises `Miss`; after a crash the next call starts a new process."""
        try:
            kind, answer = self._process.ask(str(video.resolve()), self.limits.seconds)
        except NpvfError as error:  # the process that follows a crash cannot import the function any more
            raise Miss(f"crash: {error}"[:_SHOWN]) from None
        if kind == "score":
            return probability(answer, self.limits.logits)
        raise Miss(f"{kind}: {answer}"[:_SHOWN])

    def close(self) -> None:
        """End the process."""
        self._process.stop()


def probability(number: float, logits: bool = False) -> float:
    """Return the probability of fake; with `logits`, from log-odds. Raises `Miss` if the number is not one."""
    if not isfinite(number):
        raise Miss(f"not_finite: the score is {number}")
    if logits:
        return float(expit(number))
    if not 0 <= number <= 1:
        raise Miss(f"out_of_range: {number:g} is not a probability; give --logits if the scores are log-odds")
    return number


def _parsed(line: str) -> Any:
    """Return the number or JSON value of a line; the line itself if it is neither."""
    try:
        return json.loads(line)
    except ValueError:
        return line


def _said(err: IO[bytes]) -> str:
    lines = _tail(err).splitlines()
    return f": {lines[-1][:_SHOWN]}" if lines else ""


def _tail(file: IO[bytes]) -> str:
    """Return the end of an output without the empty lines behind it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    return file.read().decode("utf-8", "replace").strip()
