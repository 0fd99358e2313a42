"""One run at a time writes a corpus, or a part of it: a file lock on this machine and, at a URL, a lease as well."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from filelock import FileLock, Timeout

from npvf.errors import NpvfError
from npvf.io.files import atomic_write
from npvf.io.urls import remove
from npvf.prepare.leases import Lease, need_no_lease
from npvf.prepare.published import Published

WHOLE = "lock"
PART = "lock-"  # and the number of the part
_TOKEN = "lock.token"


@contextmanager
def hold(published: Published, part: int | None = None) -> Iterator[None]:
    """Hold the lock of a corpus, or of one of its parts. Raises NpvfError if another run holds it."""
    name = WHOLE if part is None else f"{PART}{part}"
    what = published.out if part is None else f"part {part} of {published.out}"
    with ExitStack() as held:
        try:
            held.enter_context(FileLock(published.work / name).acquire(timeout=0))
        except Timeout:
            raise NpvfError(f"Another `npvf prepare` is writing {what}. Wait for it, or stop it.") from None
        if published.url is not None:
            lease = Lease(published.url, name, _token(published))
            held.callback(lease.release)
            published.check = lease.check
        yield


def need_no_parts(published: Published) -> None:
    """Raise NpvfError if a part of the corpus is being prepared; to be called with its lock held."""
    for path in published.work.glob(f"{PART}*"):
        try:
            with FileLock(path).acquire(timeout=0):
                pass
        except Timeout:
            part = path.name.removeprefix(PART)
            raise NpvfError(f"Part {part} of {published.out} is being prepared. Wait for it, or stop it.") from None
        path.unlink(missing_ok=True)
    if published.url is not None:
        remove([dead.place for dead in need_no_lease(published.url, f"{PART}*", _token(published))])


@contextmanager
def beside_parts(published: Published) -> Iterator[None]:
    """Have a corpus to oneself for a moment, with the lock of a part held.

    Raises:
        NpvfError: a run writes the whole corpus.
    """
    if published.url is not None:
        need_no_lease(published.url, WHOLE, _token(published))
    try:
        with FileLock(published.work / WHOLE).acquire(timeout=10):  # the other parts look here, too
            yield
    except Timeout:
        raise NpvfError(f"Another `npvf prepare` is writing {published.out}. Wait for it, or stop it.") from None


def _token(published: Published) -> str:
    """Names the folder in which this machine makes the corpus."""
    path = published.work / _TOKEN
    if not path.is_file():
        with atomic_write(path) as file:
            file.write(uuid.uuid4().hex.encode())
    return path.read_text(encoding="ascii")
