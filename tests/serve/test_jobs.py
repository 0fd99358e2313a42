"""The queue: one process a worker, which a crash or a time limit costs one job."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from npvf.errors import NpvfError
from npvf.serve.files import UPLOAD
from npvf.serve.jobs import Full, Job, Jobs, State
from npvf.serve.settings import ServeSettings
from tests.helpers.quick_work import MP4, quick_work


def send(jobs: Jobs, content: bytes) -> Job:
    with jobs.place() as job:
        job.name = "clip.mp4"
        (job.folder / UPLOAD).write_bytes(MP4 + content)
        jobs.add(job)
    return job


def ended(job: Job, seconds: float = 20.0) -> Job:
    wait_for(lambda: job.state in (State.DONE, State.FAILED), seconds)
    return job


def wait_for(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


@pytest.mark.slow
def test_a_bad_file_costs_one_job_and_its_upload_is_removed() -> None:
    with Jobs(ServeSettings(job_seconds=1.0), quick_work) as jobs:
        sent = {word: send(jobs, word) for word in (b"crash", b"fail", b"memory", b"tool", b"sleep", b"good")}
        told = {word: ended(job).error for word, job in sent.items()}
        assert told.pop(b"good") == ""
        codes = {word: text.partition(":")[0] for word, text in told.items()}
        assert codes == {
            b"crash": "undecodable",
            b"fail": "error",
            b"memory": "memory_limit",
            b"tool": "this needs another package",
            b"sleep": "time_limit",
        }
        assert "SIGSEGV" in told[b"crash"] and "defect" not in told[b"fail"]
        assert not any((job.folder / UPLOAD).exists() for job in sent.values())


@pytest.mark.slow
def test_the_queue_is_full_at_its_limit_and_has_an_order() -> None:
    with Jobs(ServeSettings(queue=2), quick_work) as jobs:
        first = send(jobs, b"sleep")
        wait_for(lambda: first.state is State.RUNNING)
        second = send(jobs, b"")
        with jobs.place(), pytest.raises(Full) as full, jobs.place():
            pass
        assert full.value.retry_after >= 1
        third = send(jobs, b"")
        assert [jobs.position(job) for job in (first, second, third)] == [None, 1, 2]
        wait_for(lambda: first.progress() == ("frames", 0.5))
        jobs.remove(first.id)
        assert ended(second).state is State.DONE and ended(third).state is State.DONE
        wait_for(lambda: not first.folder.exists())
        with pytest.raises(KeyError):
            jobs.get(first.id)


def test_an_upload_that_ends_early_leaves_nothing() -> None:
    with Jobs(ServeSettings(queue=1), quick_work) as jobs:
        with pytest.raises(RuntimeError), jobs.place() as job:
            (job.folder / UPLOAD).write_bytes(b"half")
            raise RuntimeError
        assert not job.folder.exists()
        assert ended(send(jobs, b"")).state is State.DONE


@pytest.mark.slow
def test_results_expire_by_time_and_number() -> None:
    with Jobs(ServeSettings(keep_seconds=0.5), quick_work) as jobs:
        job = ended(send(jobs, b""))
        wait_for(lambda: not job.folder.exists())
    with Jobs(ServeSettings(keep_seconds=2.0, keep_results=1), quick_work) as jobs:
        old, new = ended(send(jobs, b"")), ended(send(jobs, b""))
        wait_for(lambda: not old.folder.exists())
        assert new.folder.exists()
        folder: Path = new.folder.parent
    assert not folder.exists()


def test_a_detector_that_cannot_be_loaded() -> None:
    with pytest.raises(NpvfError, match="no such detector"), Jobs(ServeSettings(detector="missing"), quick_work):
        pass
