"""A lock in an object store, which has none: a small file at the URL that its run renews every few seconds.

A run that finds a lease of another run looks at it again and again. If it is renewed, that run is alive. If it is not
renewed for `GONE_S`, that run is dead, and this one takes its place. So the clocks of the machines do not matter, and a
killed run leaves nothing that somebody has to remove.

The leases of a lock are numbered: to take the place of a dead run is to create the next number. Where a store can
create a file on the condition that there is none (S3, Google's), only one run can do that. Elsewhere two runs that
start within one request of each other notice it at the next renewal, and the one that lost ends with an error.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch

from npvf.errors import NpvfError
from npvf.io.urls import create, list_files, read_bytes, remove, write_bytes

log = logging.getLogger(__name__)

FOLDER = ".lock"
RENEW_S, LOOK_S, GONE_S = 15.0, 3.0, 90.0
"""How often a run renews its lease, how often another run looks at it, and when that one calls it dead."""


@dataclass(frozen=True, slots=True)
class Found:
    """A lease in the store. Two that are equal were looked at between the same two renewals."""

    place: str
    number: int
    lease: str
    token: str
    renewed: int
    run: str


class Lease:
    """A lease that this process holds, and renews in a thread until it is released.

    Args:
        url: the corpus.
        lock: its name.
        token: names the folder in which this machine makes the corpus. A lease with the same token was left by a dead
            run, since the caller holds the lock of that folder.

    Raises:
        NpvfError: another run holds the lock.
    """

    def __init__(self, url: str, lock: str, token: str) -> None:
        self._url, self._lock, self._token = url, lock, token
        self._run = f"{socket.gethostname()}, process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        self._lease, self._renewals, self._lost, self._changing = uuid.uuid4().hex, 0, False, threading.Lock()
        before = need_no_lease(url, lock, token)
        self._number = 1 + max((one.number for one in before), default=0)
        self._place = f"{url}/{FOLDER}/{lock}.{self._number}"
        if not create(self._place, self._content()):
            raise NpvfError(f"Another `npvf prepare` has just begun to write to {url}. Wait for it, or stop it.")
        remove([one.place for one in before])
        self._renewed_at = time.time()
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="npvf-lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise NpvfError if another run has taken the place of this one, which was not heard of for too long."""
        if (
            time.time() - self._renewed_at > GONE_S
        ):  # it slept, which time.monotonic() does not count, or had no network
            self._renew()
        if self._lost:
            raise NpvfError(
                f"Another `npvf prepare` has begun to write to {self._url}, since this one was not heard of for "
                f"{GONE_S:.0f} s (did the machine sleep, or lose its network?). Nothing more is written. Let the other "
                "run finish; it goes on from what is there."
            )

    def release(self) -> None:
        """Let another run write."""
        self._released.set()
        self._thread.join()
        if not self._lost:
            try:
                remove([self._place])
            except NpvfError as error:
                log.warning("the lock of %s was not removed: %s. The next run waits %.0f s", self._url, error, GONE_S)

    def _keep(self) -> None:
        while not self._released.wait(RENEW_S):
            try:
                self._renew()
            except NpvfError as error:  # the next renewal, or `check`, tries again
                log.warning("the lock of %s was not renewed: %s", self._url, error)

    def _renew(self) -> None:
        with self._changing:
            if self._lost or self._released.is_set():
                return
            found = _leases(self._url, self._lock).get(self._lock)
            if found is not None and (found.number, found.lease) != (self._number, self._lease):
                self._lost = True
                return
            self._renewals += 1
            write_bytes(self._place, self._content())
            self._renewed_at = time.time()

    def _content(self) -> bytes:
        said = {"lease": self._lease, "token": self._token, "renewed": self._renewals, "run": self._run}
        return json.dumps(said).encode()


def need_no_lease(url: str, locks: str, token: str) -> list[Found]:
    """Wait until it is known that no living run holds one of these locks, a shell pattern.

    Returns:
        The leases of dead runs.

    Raises:
        NpvfError: a run holds one, with its machine and process.
    """
    first = _leases(url, locks)
    others = {lock: one for lock, one in first.items() if one.token != token}
    for one in others.values():
        log.warning("%s was being written by %s. If that run is dead, this one goes on in %.0f s", url, one.run, GONE_S)
    until = time.monotonic() + GONE_S
    while others and time.monotonic() < until:
        time.sleep(LOOK_S)
        for lock, one in _leases(url, locks).items():
            if one.token != token and one != others.get(lock):
                part = lock.partition("-")[2]
                what = f"prepares part {part} of" if part else "is writing to"
                raise NpvfError(f"Another `npvf prepare` {what} {url}: {one.run}. Wait for it, or stop it.")
    return list(first.values())


def _leases(url: str, locks: str) -> dict[str, Found]:
    """The newest lease of each lock."""
    newest: dict[str, int] = {}
    for name in list_files(f"{url}/{FOLDER}", recursive=False):
        lock, _, digits = name.rpartition(".")
        if fnmatch(lock, locks) and digits.isdecimal():
            newest[lock] = max(int(digits), newest.get(lock, 0))
    found = {}
    for lock, number in newest.items():
        place = f"{url}/{FOLDER}/{lock}.{number}"
        try:
            found[lock] = Found(place, number, **json.loads(read_bytes(place)))
        except FileNotFoundError:  # released since
            continue
    return found
