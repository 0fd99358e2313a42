"""Splits: disjoint in everybody, as many videos kept as can be found, and a file that cannot be changed unnoticed."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from npvf.cli.main import main
from npvf.corpora.record import Reader, Record
from npvf.corpora.splits import Split, read_split
from npvf.corpora.splits.people import divide
from npvf.corpora.splits.protocols import SHARES, make_split
from npvf.errors import NpvfError, Reason, Refused
from npvf.io.annotations import Annotation

READER = Reader("mini", "Mini", "detection", "", "", "", read=lambda root: NotImplemented, people="world")


def kept(videos: list[frozenset[str]], part_of: dict[str, str]) -> int:
    return sum(len({part_of[person] for person in video}) == 1 for video in videos)


def test_as_much_is_kept_as_by_trying_everything() -> None:
    rng = np.random.default_rng(1)
    people = [f"p{n}" for n in range(8)]
    videos = [frozenset(map(str, rng.choice(people, rng.integers(1, 4), replace=False))) for _ in range(40)]
    videos += [frozenset({person}) for person in people]
    found = divide(videos, {"a": 0.5, "b": 0.5}, {}, seed=0)
    assert sorted(found.values()).count("a") == 4
    halves = (dict(zip(people, names, strict=True)) for names in product("ab", repeat=8) if names.count("a") == 4)
    assert kept(videos, found) == max(kept(videos, half) for half in halves)


def test_each_group_is_divided_by_the_shares() -> None:
    people = {f"{group}{n}": group for group in "xyz" for n in range(20)}
    found = divide([frozenset({person}) for person in people], SHARES, people, seed=3)
    for group in "xyz":
        parts = [part for person, part in found.items() if people[person] == group]
        assert [parts.count(part) for part in SHARES] == [14, 2, 4]


PEOPLE = st.lists(st.sampled_from([f"p{n}" for n in range(12)]), min_size=1, max_size=3, unique=True)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(PEOPLE, min_size=1, max_size=25), st.integers(0, 3))
def test_nobody_is_in_two_parts_and_every_video_is_in_one_or_counted(cast: list[list[str]], seed: int) -> None:
    records = [Record(f"{n}.mp4", Annotation(label=n % 2, identities=tuple(who))) for n, who in enumerate(cast)]
    split = make_split(READER, records, "identity-disjoint", seed)
    assert split.shared_people == 0
    shown = {record.path: set(record.annotation.identities) for record in records}
    seen = [set().union(*(shown[video] for video in videos)) for videos in split.parts.values()]
    assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    assert sum(map(len, split.parts.values())) + sum(split.left_out.values()) == len(records)


def people_records(count: int = 20) -> list[Record]:
    """Of each person a real, two kinds of forgery of themselves, and a swap with the next person."""
    records = []
    for n in range(count):
        me, other = f"p{n:02d}", f"p{(n + 1) % count:02d}"
        for kind, who in ((None, (me,)), ("lips", (me,)), ("voice", (me,)), ("swap", (me, other))):
            annotation = Annotation(
                label=int(kind is not None), manipulation=kind, category=kind or "real", identity=me, identities=who
            )
            records.append(Record(f"{me}-{kind}.mp4", annotation))
    return records


def kinds(split: Split, part: str) -> set[str]:
    return {video[:-4].partition("-")[2] for video in split.parts[part]}


def test_one_forgery_is_left_for_the_test() -> None:
    split = make_split(READER, people_records(), "leave-one-out", left_out="lips")
    assert kinds(split, "train") == {"None", "voice", "swap"}
    assert kinds(split, "test") == {"None", "lips"}
    with pytest.raises(NpvfError, match="lips, swap, voice"):
        make_split(READER, people_records(), "leave-one-out", left_out="lip")


@pytest.mark.slow
def test_five_folds_are_balanced_and_test_everybody_once() -> None:
    splits = [make_split(READER, people_records(), "five-fold", fold=fold) for fold in range(5)]
    tested = [person for split in splits for person in split.people["test"]]
    assert len(tested) == len(set(tested)) == 20
    for split in splits:
        counts = {kind: [v for v in split.parts["test"] if v.endswith(f"-{kind}.mp4")] for kind in ("None", "lips")}
        assert len(counts["None"]) == len(counts["lips"]) == 4
        assert split.shared_people == 0
    assert set(splits[0].parts["val"]) == set(splits[1].parts["test"])


def test_what_cannot_be_kept_apart_is_left_out_and_counted() -> None:
    refused = Refused(Reason.LISTED_TWICE, "x")
    odd = [
        Record("a.mp4", Annotation(label=1), unnamed=True),
        Record("b.mp4", Annotation(label=1, identities=("p00",)), problem=refused),
        Record("c.mp4", Annotation(label=1, identities=("p00",)), unnamed=True),
    ]
    split = make_split(READER, [*people_records(), *odd], "identity-disjoint")
    assert split.left_out["a person in it is not identified"] == 2 and split.left_out["listed_twice"] == 1
    assert not {"a.mp4", "b.mp4", "c.mp4"} & {video for videos in split.parts.values() for video in videos}
    with pytest.raises(NpvfError, match="does not identify people"):
        make_split(READER, odd, "identity-disjoint")
    with pytest.raises(NpvfError, match="no official split"):
        make_split(READER, odd, "official")


def test_another_corpus_of_the_same_people_is_tested_on_the_others() -> None:
    trained = make_split(READER, people_records(), "identity-disjoint")
    split = make_split(READER, people_records(), "cross-corpus", apart_from=[trained])
    assert set(split.people["test"]) <= set(trained.people["test"])
    assert split.left_out["contains a person that another split trains on"] == 80 - len(split.parts["test"])
    elsewhere = Reader("other", "Other", "detection", "", "", "", read=lambda root: NotImplemented)
    assert len(make_split(elsewhere, people_records(), "cross-corpus", apart_from=[trained]).parts["test"]) == 80


def test_the_same_seed_gives_the_same_file_and_a_changed_one_is_noticed(tmp_path: Path) -> None:
    first, again, other = (make_split(READER, people_records(), "identity-disjoint", seed) for seed in (4, 4, 5))
    assert first == again and first.hash != other.hash
    assert make_split(READER, people_records()[::-1], "identity-disjoint", 4).hash == first.hash
    path = tmp_path / "sub/split.json"
    first.write(path)
    assert read_split(path) == first
    content = json.loads(path.read_text())
    content["parts"]["test"].append(content["parts"]["train"].pop())
    path.write_text(json.dumps(content))
    with pytest.raises(NpvfError, match="do not fit the hash"):
        read_split(path)
    path.write_text("{}")
    with pytest.raises(NpvfError, match="is not a split file"):
        read_split(path)
    with pytest.raises(NpvfError, match="train, val, test"):
        first.videos("dev")


def test_the_command_writes_a_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for n in range(6):
        (tmp_path / f"{n}.mp4").touch()
        (tmp_path / f"{n}.meta.json").write_text(json.dumps({"label": n % 2, "identity": f"p{n // 2}"}))
    out = tmp_path / "split.json"
    assert (
        main(["corpora", "split", "folder", str(tmp_path), "--protocol", "identity-disjoint", "--out", str(out)]) == 0
    )
    split = read_split(out)
    assert split.hash in capsys.readouterr().out.replace("\n", "")
    assert split.counts["train"] == {"fake": 2, "real": 2}
