"""Prepare videos on a Ray cluster: `npvf prepare --engine ray`.

Each video is a task of the cluster, in a process of its own within the same limits as on one machine. A node that dies
costs the tasks it was at: Ray runs them again on another one. What a task has made comes back to this process, which
writes it; so the shards are those of a run on one machine, and nodes need no folder in common for them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from npvf.errors import MissingDependency, NpvfError
from npvf.faces.model_file import need_face_model
from npvf.io.files import atomic_write, write_json
from npvf.io.sources import Source
from npvf.prepare.ingest import versions
from npvf.prepare.ledger import Line, work_path
from npvf.prepare.pool import Done, Failed, Limits, Outcome, Worker

# A task that was lost with its node or its process is run again so often.
_RETRIES = 5
_worker: tuple[bytes, Worker] | None = None  # of a Ray worker process, which takes one task after the other


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A Ray cluster.

    Attributes:
        address: of a running one, as in `ray.init`: `host:6379`, `ray://host:10001` or "auto"; None: $RAY_ADDRESS, or
            else a cluster of this machine alone, which ends with the run.
        cores: of the cluster of this machine; None: all.
        tasks_a_core: tasks that are submitted but not collected, for each core of the cluster. More would fill its
            memory with results while this process is busy.
    """

    address: str | None = None
    cores: int | None = None
    tasks_a_core: int = 2


class Packed(NamedTuple):
    """The result of a node: the line of a video, the content of its tar, and the versions of npvf and the decoders."""

    line: Line
    tar: bytes | None
    versions: dict[str, str]


def run_on_ray(
    prepare: Callable[..., Line | NpvfError],
    sources: list[Source],
    at_once: int | None,
    *,
    work: Path,
    limits: Limits,
    cluster: RayCluster,
) -> Iterator[tuple[Source, Outcome]]:
    """Like `npvf.prepare.pool.run_tasks`, on a cluster. At most `at_once` tasks are under way; None: as it says.

    A task that is lost too often has `Failed`: the next run tries it again.

    Args:
        prepare: `prepare_video` without `source` and `work`.
        sources: the videos.
        at_once: 1 for a video that may lack memory.
        work: the folder of this machine for finished videos.
        limits: of each video.
        cluster: which cluster.

    Raises:
        MissingDependency: Ray is not installed.
    """
    with _connected(cluster) as ray:
        remote = ray.remote(num_cpus=1, max_retries=_RETRIES)(_work)
        function = ray.cloudpickle.dumps(partial(pack, prepare))
        waiting = iter(sources)
        under_way: dict[Any, Source] = {}
        try:
            while True:
                most = at_once or cluster.tasks_a_core * max(1, int(ray.cluster_resources().get("CPU", 1)))
                for source in islice(waiting, most - len(under_way)):
                    under_way[remote.remote(function, source, limits)] = source
                if not under_way:
                    return
                for reference in ray.wait(list(under_way))[0]:
                    source = under_way.pop(reference)
                    yield source, _unpack(_collect(ray, reference), work_path(work, source.video))
        finally:
            for reference in under_way:
                ray.cancel(reference, force=True)


def pack(prepare: Callable[..., Line | NpvfError], source: Source) -> Packed | NpvfError:
    """Prepare a video in a folder that goes afterwards, and return everything that was made."""
    need_face_model()
    with tempfile.TemporaryDirectory(prefix="npvf-") as folder:
        line = prepare(source, work=Path(folder))
        if isinstance(line, NpvfError):
            return line
        tar = work_path(Path(folder), source.video).with_suffix(".tar").read_bytes() if line["clips"] else None
    return Packed(line, tar, versions())


def _unpack(outcome: Outcome, place: Path) -> Outcome:
    """Put what a node has made where a worker of this machine would put it; the outcome has the line then."""
    if not isinstance(outcome, Done) or isinstance(outcome.value, NpvfError):
        return outcome
    line, tar, made_with = outcome.value
    if made_with != versions():
        return Done(
            NpvfError(
                f"a node of the cluster has other versions than this machine: {made_with} and {versions()}. Install "
                "the same on all of them (constraints.txt)."
            )
        )
    if tar is not None:
        with atomic_write(place.with_suffix(".tar")) as file:
            file.write(tar)
    write_json(place.with_suffix(".json"), line)
    return Done(line)


def _collect(ray: Any, reference: Any) -> Outcome:
    try:
        outcome: Outcome = ray.get(reference)
        return outcome
    except ray.exceptions.RayError as error:  # lost with its node, and lost again
        return Failed(f"Ray lost the task {_RETRIES + 1} times: {error}")


def _work(packed: bytes, task: Any, limits: Limits) -> Outcome:
    """Work on a task in a process beside the Ray worker's own; it stays for the next task."""
    global _worker
    if _worker is None or _worker[0] != packed:
        from ray import cloudpickle

        _worker = packed, Worker(cloudpickle.loads(packed), limits)
    return _worker[1].run(task)


@contextmanager
def _connected(cluster: RayCluster) -> Iterator[Any]:
    """Ray, connected to the cluster for as long as the block lasts. A connection that is there already is used."""
    try:
        import ray
    except ImportError as error:
        raise MissingDependency("--engine ray needs Ray: pip install 'npvf[ray]'") from error
    if ray.is_initialized():
        yield ray
        return
    address = cluster.address or os.environ.get("RAY_ADDRESS") or "local"
    only_here: dict[str, Any] = {"num_cpus": cluster.cores, "include_dashboard": False} if address == "local" else {}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    ray.init(address=address, log_to_driver=False, **only_here)
    try:
        yield ray
    finally:
        ray.shutdown()
