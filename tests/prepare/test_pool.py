import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from npvf.prepare.pool import Died, Done, Failed, Limits, TimedOut, Worker, run_tasks


def work(task):
    if task == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "hang":
        time.sleep(600)
    if task == "greedy":
        return len(bytearray(2 * 2**30))
    if task == "raise":
        raise ValueError("what went wrong")
    return os.getpid(), task


@pytest.mark.slow
def test_a_death_costs_one_task_only():
    outcomes = dict(run_tasks(work, ["a", "die", "b", "raise", "c"], 2))
    assert str(outcomes["die"]) == "SIGSEGV"
    assert isinstance(outcomes["die"], Died)
    assert isinstance(outcomes["raise"], Failed)
    assert "what went wrong" in outcomes["raise"].trace
    done = [outcomes[task] for task in "abc"]
    assert all(isinstance(outcome, Done) for outcome in done)
    assert [outcome.value[1] for outcome in done] == ["a", "b", "c"]
    assert os.getpid() not in {outcome.value[0] for outcome in done}


@pytest.mark.slow
def test_a_task_that_hangs_costs_its_time_limit_only():
    began = time.monotonic()
    outcomes = dict(run_tasks(work, ["hang", "a", "b"], 2, Limits(seconds=8)))
    assert outcomes["hang"] == TimedOut(8)
    assert all(isinstance(outcomes[task], Done) for task in "ab")
    assert time.monotonic() - began < 60


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
def test_a_task_that_wants_too_much_memory_fails():
    outcomes = dict(run_tasks(work, ["a", "greedy", "b"], 1, Limits(memory=2**30)))
    assert isinstance(outcomes["greedy"], Failed) and "MemoryError" in outcomes["greedy"].trace
    assert all(isinstance(outcomes[task], Done) for task in "ab")


def test_without_workers_the_work_is_done_here():
    ((task, outcome),) = run_tasks(work, ["a"], 0)
    assert outcome == Done((os.getpid(), task))


ORPHANS = """
import os, sys, time
from npvf.prepare.pool import run_tasks

def work(path):
    open(path, "w").write(str(os.getpid()))
    time.sleep(60)

if __name__ == "__main__":
    list(run_tasks(work, sys.argv[1:], 1))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_workers_do_not_outlive_a_killed_parent(tmp_path):
    (tmp_path / "main.py").write_text(ORPHANS, encoding="utf-8")
    note = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, str(tmp_path / "main.py"), str(note)], env=with_repository())
    worker = int(wait_for(lambda: note.exists() and note.read_text()))
    parent.kill()
    parent.wait()
    assert wait_for(lambda: not is_running(worker))


def with_repository():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def is_running(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"  # nobody may be there to reap it


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


@pytest.mark.slow
def test_one_worker_goes_on_after_a_death_and_a_time_out():
    worker = Worker(work, Limits(seconds=20))
    try:
        first, second = worker.run("a"), worker.run("b")
        assert first.value == (second.value[0], "a")  # one process, one task after the other
        assert isinstance(worker.run("die"), Died)
        assert worker.run("c").value[0] not in (os.getpid(), first.value[0])
        worker.limits = Limits(seconds=0.1)
        assert isinstance(worker.run("hang"), TimedOut)
        worker.limits = Limits()
        assert worker.run("d").value[1] == "d"
    finally:
        worker.stop()
