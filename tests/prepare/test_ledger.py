"""The lines of a corpus that is being prepared stay on the disk."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from npvf.io.files import write_json, write_lines
from npvf.prepare.ledger import Counts, Ledger, count_lines, work_path


def line(video, shard="shard-000000.tar", sha="00", **more):
    known = {
        "status": "prepared",
        "reason": None,
        "clips": [f"{video}-t0-000"],
        "seconds": 1.5,
        "phone_source": "times",
    }
    return {"video": video, "shard": shard, "sha256": sha * 32, "duplicate_of": None, **known, **more}


def test_a_line_is_found_wherever_it_is(tmp_path):
    ledger = Ledger(tmp_path)
    write_lines(tmp_path / "one.jsonl", [line("a"), line("b", sha="11"), line("c é", sha="22")])
    write_lines(tmp_path / "two.jsonl", [line("b", "shard-000001.tar", sha="33")])
    write_json(work_path(tmp_path, "d").with_suffix(".json"), line("d", None))
    for name in ("one.jsonl", "two.jsonl"):
        ledger.seal(tmp_path / name)
    ledger.wait("d")
    assert [ledger.read(video)["video"] for video in ("c é", "a", "b", "d", "a")] == ["c é", "a", "b", "d", "a"]
    assert ledger.read("b")["shard"] == "shard-000001.tar"  # the later file counts
    assert ledger.shards == {"shard-000000.tar", "shard-000001.tar"}
    assert [ledger.is_sealed(video) for video in ("a", "d", "e")] == [True, False, False]
    ledger.forget("a")
    assert "a" not in ledger and sorted(ledger) == ["b", "c é", "d"]
    with pytest.raises(KeyError):
        ledger.read("a")


def test_all_lines_come_in_order_and_duplicates_name_the_first(tmp_path):
    ledger = Ledger(tmp_path)
    write_lines(tmp_path / "one.jsonl", [line("gone", sha="11"), line("b"), line("a"), line("c")])
    ledger.seal(tmp_path / "one.jsonl")
    found = list(ledger.in_order(["a", "missing", "b"]))
    assert [(one["video"], one["duplicate_of"]) for one in found] == [
        ("a", None),
        ("b", "a"),
        ("gone", None),
        ("c", "a"),
    ]


def test_counts_are_those_of_the_lines():
    lines = [line("a"), line("b", sha="11", duplicate_of="a"), line("c", None, status="refused", reason="no_face")]
    counts = Counts()
    assert list(counts.over(iter(lines))) == lines
    assert (
        counts.to_json()
        == count_lines(lines)
        == {
            "shards": ["shard-000000.tar"],
            "inputs": 3,
            "prepared": 2,
            "refused": {"no_face": 1},
            "duplicates": 1,
            "clips": 2,
            "hours": 3 / 3600,
            "phone_sources": {"times": 2},
        }
    )


@pytest.mark.slow
def test_memory_is_a_small_share_of_the_lines(tmp_path):
    """`benchmarks/scale.py` measures the same with 100,000 inputs, from finding them to the manifest."""
    path = tmp_path / "lines.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for n in range(5000):
            file.write(json.dumps(line(f"{n:06d}", samples=["x" * 1500])) + "\n")
    tracemalloc.start()
    try:
        ledger = Ledger(tmp_path)
        ledger.seal(path)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(list(ledger)) == 5000
    assert held < 300 * 5000 and peak < 300 * 5000 + 100_000 < path.stat().st_size / 4
