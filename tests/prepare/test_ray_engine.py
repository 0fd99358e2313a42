"""Preparation on a real cluster of three nodes on this machine, with `fake_ingest` in the place of real videos."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from npvf.errors import MissingDependency, NpvfError
from npvf.prepare import ray_engine
from npvf.prepare.pool import Done, Failed, Limits
from npvf.prepare.ray_engine import Packed, RayCluster
from npvf.prepare.run import prepare
from tests.helpers import fake_ingest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("faked_ingest")


@pytest.fixture
def src(tmp_path):
    (tmp_path / "src").mkdir()
    for n in range(24):
        content = "no_face" if n % 7 == 3 else f"{n % 3 + 1} {n}"
        (tmp_path / "src" / f"{n:02d}.mp4").write_text(content, encoding="utf-8")
    return tmp_path / "src"


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills a node by a signal")
def test_a_cluster_that_loses_a_node_makes_the_corpus_of_one_machine(src, tmp_path, monkeypatch):
    ray = pytest.importorskip("ray", reason="needs Ray: pip install 'npvf[ray]'")
    from ray.cluster_utils import Cluster

    options = {"shard_bytes": 40_000, "limits": Limits(seconds=300)}
    prepare(src, tmp_path / "whole", workers=0, **options)
    monkeypatch.setenv("FAKE_INGEST_SECONDS", "0.3")  # a node has tasks when it dies
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, sys.path)]))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setattr(ray_engine, "pack", fake_ingest.fake_pack)
    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        nodes = [cluster.add_node(**node) for _ in range(2)]
        cluster.wait_for_nodes()
        done = []

        def kill_one(line):
            done.append(line["video"])
            if len(done) == 3:
                cluster.remove_node(nodes[0], allow_graceful=False)

        summary = prepare(src, tmp_path / "out", cluster=RayCluster(cluster.address), on_done=kill_one, **options)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert summary.new == 24 and sorted(done) == sorted(path.name for path in src.iterdir())
    assert content(tmp_path / "out") == content(tmp_path / "whole")


class FakeRay:
    """Works on a task at once; at most so many were under way."""

    class exceptions:  # noqa: N801
        RayError = RuntimeError

    cloudpickle = __import__("pickle")

    def __init__(self, lost=()):
        self.lost, self.most, self.open, self.cancelled = lost, 0, {}, []

    def is_initialized(self):
        return True

    def cluster_resources(self):
        return {"CPU": 3.0}

    def remote(self, **options):
        assert options == {"num_cpus": 1, "max_retries": 5}
        return lambda function: type("Remote", (), {"remote": lambda _, *args: self.submit(*args)})()

    def submit(self, function, source, limits):
        reference = object()
        self.open[reference] = source
        self.most = max(self.most, len(self.open))
        return reference

    def wait(self, references):
        return references[-1:], references[:-1]

    def get(self, reference):
        source = self.open.pop(reference)
        if source.video in self.lost:
            raise RuntimeError("the node died")
        return Done(Packed({"video": source.video}, b"tar", ray_engine.versions()))

    def cancel(self, reference, force):
        self.cancelled.append(reference)


def run(ray, monkeypatch, tmp_path, sources, at_once=None):
    monkeypatch.setitem(sys.modules, "ray", ray)
    options = {"work": tmp_path, "limits": Limits(), "cluster": RayCluster(tasks_a_core=2)}
    return ray_engine.run_on_ray(len, sources, at_once, **options)


@pytest.mark.parametrize(("at_once", "most"), [(None, 6), (1, 1)])
def test_few_tasks_are_under_way(monkeypatch, tmp_path, at_once, most):
    ray, sources = FakeRay(), [ray_engine.Source(f"{n}", Path(f"{n}")) for n in range(20)]
    done = [source for source, _ in run(ray, monkeypatch, tmp_path, sources, at_once)]
    assert sorted(done, key=sources.index) == sources and ray.most == most
    assert len(list(tmp_path.glob("*.tar"))) == len(list(tmp_path.glob("*.json"))) == 20


def test_a_task_that_is_lost_again_and_again_is_no_fault_of_its_video(monkeypatch, tmp_path):
    ray, sources = FakeRay(lost=("1",)), [ray_engine.Source(f"{n}", Path(f"{n}")) for n in range(3)]
    outcomes = {source.video: outcome for source, outcome in run(ray, monkeypatch, tmp_path, sources)}
    assert isinstance(outcomes["1"], Failed) and "the node died" in outcomes["1"].trace
    assert all(isinstance(outcomes[video], Done) for video in "02")


def test_what_is_under_way_is_cancelled_with_the_run(monkeypatch, tmp_path):
    ray, sources = FakeRay(), [ray_engine.Source(f"{n}", Path(f"{n}")) for n in range(20)]
    outcomes = run(ray, monkeypatch, tmp_path, sources)
    next(outcomes)
    outcomes.close()
    assert len(ray.cancelled) == 5


def test_nodes_with_other_versions_are_an_error(monkeypatch, tmp_path):
    outcome = ray_engine._unpack(Done(Packed({"video": "a"}, None, {"npvf": "0.0"})), tmp_path / "a")
    assert isinstance(outcome.value, NpvfError) and "other versions" in str(outcome.value)
    assert not list(tmp_path.iterdir())


def test_without_ray_the_extra_is_named(src, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependency, match=r"pip install 'npvf\[ray\]'"):
        prepare(src, tmp_path / "out", cluster=RayCluster())
