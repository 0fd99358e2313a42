"""One run at a time writes a corpus in an object store, whichever machine it runs on."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.io.urls import create, list_files, read_bytes, write_bytes
from npvf.prepare import leases
from npvf.prepare.leases import Lease
from npvf.prepare.locks import WHOLE
from npvf.prepare.run import prepare
from npvf.prepare.verify import verify
from tests.helpers.urls import s3_server

pytestmark = pytest.mark.usefixtures("faked_ingest")


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    for name, seconds in (("RENEW_S", 0.05), ("LOOK_S", 0.02), ("GONE_S", 1.0)):
        monkeypatch.setattr(leases, name, seconds)
    return {"workers": 0, "staging": tmp_path / "staging"}


@pytest.fixture
def src(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    for name in "abc":
        (tmp_path / "src" / f"{name}.mp4").write_text(f"1 {name}", encoding="utf-8")
    return tmp_path / "src"


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}/out"


@contextmanager
def written_elsewhere(url: str, lock: str = WHOLE) -> Iterator[Lease]:
    """Another machine prepares this corpus."""
    lease = Lease(url, lock, "another machine")
    try:
        yield lease
    finally:
        lease.release()


def leave_dead(url: str, token: str) -> None:
    """What a killed run leaves."""
    said = {"lease": "1", "token": token, "renewed": 7, "run": "a dead machine, process 1"}
    write_bytes(f"{url}/.lock/{WHOLE}.4", json.dumps(said).encode())


def test_a_second_run_is_refused_and_says_who_writes(src, url, options):
    with written_elsewhere(url):
        with pytest.raises(NpvfError, match=rf"is writing to {url}: .*, process \d+, since .* UTC\. Wait for it"):
            prepare(src, url, **options)
        with pytest.raises(NpvfError, match="is writing to"):
            prepare(src, url, part=(0, 2), **options)
        assert list(list_files(url)) == [".lock/lock.1"]
    assert prepare(src, url, **options).new == 3
    assert not [name for name in list_files(url) if name.startswith(".lock")]
    with written_elsewhere(url), pytest.raises(NpvfError, match="is writing to"):
        verify(url, options["staging"])


def test_parts_run_beside_each_other_but_not_twice_and_not_beside_the_whole(src, url, options):
    with written_elsewhere(url, "lock-1"):
        assert prepare(src, url, part=(0, 2), **options).new == 2
        for part in (None, (1, 2)):
            with pytest.raises(NpvfError, match=f"prepares part 1 of {url}"):
                prepare(src, url, part=part, **options)
    assert prepare(src, url, **options).new == 1


@pytest.mark.slow
def test_a_run_that_was_killed_is_waited_for_once(src, url, options, caplog):
    leave_dead(url, "another machine")
    began = time.monotonic()
    assert prepare(src, url, **options).new == 3
    assert time.monotonic() - began > leases.GONE_S
    assert "a dead machine, process 1. If that run is dead, this one goes on in 1 s" in caplog.text
    assert not [name for name in list_files(url) if name.startswith(".lock")]


def test_on_the_machine_of_the_killed_run_nobody_waits(src, url, options, monkeypatch):
    class Killed(BaseException):
        pass

    def upload_and_die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as killed, pytest.raises(Killed):
        killed.setattr(Lease, "release", lambda lease: lease._released.set())
        killed.setattr("npvf.prepare.published.upload", upload_and_die)
        prepare(src, url, **options)
    assert [name for name in list_files(url) if name.startswith(".lock")] == [".lock/lock.1"]
    monkeypatch.setattr(leases, "GONE_S", 1000.0)
    assert prepare(src, url, **options).new == 3


@pytest.mark.slow
def test_a_run_whose_place_was_taken_writes_nothing_more(src, url, options):
    taken = {}

    def on_done(line: dict) -> None:
        if not taken:  # it slept, and another run took it for dead
            create(f"{url}/.lock/{WHOLE}.2", read_bytes(f"{url}/.lock/{WHOLE}.1"))
            time.sleep(0.3)
            taken.update(list_files(url))

    with pytest.raises(NpvfError, match=r"has begun to write to .*Nothing more is written"):
        prepare(src, url, on_done=on_done, **options)
    assert list_files(url).keys() == taken.keys()
    with pytest.raises(NpvfError, match=r"not a prepared corpus|not finished"):
        Corpus(url)


def test_a_file_is_created_once(url):
    assert create(f"{url}/a", b"1") and not create(f"{url}/a", b"2")
    assert read_bytes(f"{url}/a") == b"1"


@pytest.mark.slow
def test_s3_creates_a_file_once_and_a_lease_lives_there(src, tmp_path, options):
    with s3_server() as bucket:
        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(lambda n: create(f"{bucket}/lock.1", b"%d" % n), range(4))) == 1
        with written_elsewhere(f"{bucket}/out"), pytest.raises(NpvfError, match="is writing to"):
            prepare(src, f"{bucket}/out", **options)
        assert prepare(src, f"{bucket}/out", **options).new == 3
        assert not [name for name in list_files(f"{bucket}/out") if name.startswith(".lock")]
