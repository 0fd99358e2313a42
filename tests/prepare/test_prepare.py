"""The manifest, the shards and what survives being killed, with `fake_ingest` in the place of real videos."""

import json
import os
from contextlib import suppress
from itertools import count

import pytest

from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.io.entries import read_entries
from npvf.io.shards import read_sample
from npvf.prepare.ingest import IngestSettings
from npvf.prepare.run import prepare

VIDEOS = {
    "a/x.mp4": "2",
    "a/x.avi": "1 another container",
    "b.mp4": "no_face",
    "c.1 é.mp4": "3",
    "d.mp4": "2",  # the same content as a/x.mp4
    "e.mp4": "no_audio",
    "f.mp4": "1",
}
SMALL_SHARDS = {"shard_bytes": 15_000, "workers": 0}


pytestmark = pytest.mark.usefixtures("faked_ingest")


@pytest.fixture
def src(tmp_path):
    for name, content in VIDEOS.items():
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (tmp_path / "src" / "notes.txt").touch()
    return tmp_path / "src"


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(folder):
    return {line["video"]: line for line in Corpus(folder).manifest}


def test_every_input_has_its_line_and_every_clip_its_place(src, tmp_path):
    summary = prepare(src, tmp_path / "out", **SMALL_SHARDS)
    corpus = Corpus(tmp_path / "out")
    assert [line["video"] for line in corpus.manifest] == [
        "a/x.avi",
        "a/x.mp4",
        "b.mp4",
        "c.1 é.mp4",
        "d.mp4",
        "e.mp4",
        "f.mp4",
    ]
    assert [s["__key__"] for s in corpus.samples] == [key for line in corpus.manifest for key in line["clips"]]
    places = list(read_entries(corpus))
    assert [read_sample(corpus.folder / e.shard, e.offset, e.size) for e in places] == list(corpus.samples)
    assert [e.meta.span for e in places[:2]] == [(0, 1), (0, 1)] and not any(e.has_mask for e in places)
    assert summary.new == 7
    assert summary.new_clips == len(corpus) == 9
    assert len(corpus.paths) > 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "dataset.json",
        "manifest.jsonl",
        *(path.name for path in corpus.paths),
    }
    expected = {"inputs": 7, "prepared": 5, "refused": {"no_audio": 1, "no_face": 1}, "duplicates": 1}
    assert expected.items() <= corpus.dataset.items()
    assert corpus.dataset["hours"] == pytest.approx(9 / 3600)
    assert corpus.dataset["ignored_files"] == 1


def test_a_refusal_says_why_and_a_duplicate_of_what(src, tmp_path):
    prepare(src, tmp_path / "out", workers=0)
    found = lines(tmp_path / "out")
    assert (found["b.mp4"]["reason"], found["b.mp4"]["sentence"]) == ("no_face", "b.mp4 is so.")
    assert (found["d.mp4"]["status"], found["d.mp4"]["duplicate_of"]) == ("prepared", "a/x.mp4")
    assert found["a/x.mp4"]["coverage"] == 1.0


def test_a_listed_video_that_is_missing_or_badly_labelled_is_a_line(src, tmp_path):
    (src / "list.csv").write_text("path,label\nb.mp4,1\ngone.mp4,0\nf.mp4,fake\n")
    prepare(src / "list.csv", tmp_path / "out", workers=0)
    assert [line["reason"] for line in Corpus(tmp_path / "out").manifest] == ["no_face", "not_found", "bad_sidecar"]
    assert lines(tmp_path / "out")["gone.mp4"]["label"] == 0


class Killed(BaseException):
    pass


class Killer:
    """Ends the process's effects before the n-th change of names on the disk, as SIGKILL would."""

    def __init__(self, monkeypatch, at):
        self.left, self.dead = at, False
        for name in ("replace", "unlink", "rmdir"):
            monkeypatch.setattr(os, name, self.counted(getattr(os, name)))

    def counted(self, change):
        def changed(*args, **kwargs):
            self.left -= 1
            self.dead |= self.left < 0
            if self.dead:
                raise Killed
            return change(*args, **kwargs)

        return changed


@pytest.mark.slow
def test_killed_at_any_step_the_rest_is_done_by_the_next_run(src, tmp_path):
    prepare(src, tmp_path / "whole", **SMALL_SHARDS)
    for at in count():
        out = tmp_path / f"killed-{at}"
        with pytest.MonkeyPatch.context() as patch:
            killer = Killer(patch, at)
            with suppress(Killed):
                prepare(src, out, **SMALL_SHARDS)
        prepare(src, out, **SMALL_SHARDS)
        assert content(out) == content(tmp_path / "whole")
        if not killer.dead:
            break
    assert at > 20


def test_killed_at_every_step_in_a_row(src, tmp_path):
    prepare(src, tmp_path / "whole", **SMALL_SHARDS)
    for at in count(0, 3):
        with pytest.MonkeyPatch.context() as patch:
            killer = Killer(patch, at)
            with suppress(Killed):
                prepare(src, tmp_path / "out", **SMALL_SHARDS)
        if not killer.dead:
            break
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_killed_run_leaves_no_corpus_to_be_taken_for_a_whole_one(src, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        Killer(patch, 6)
        with pytest.raises(Killed):
            prepare(src, tmp_path / "out", **SMALL_SHARDS)
    with pytest.raises(NpvfError, match="not finished"):
        Corpus(tmp_path / "out")


def test_new_videos_are_added_without_touching_the_shards(src, tmp_path):
    out = tmp_path / "out"
    prepare(src, out, **SMALL_SHARDS)
    before = content(out)
    (src / "aa.mp4").write_text("1 new")
    assert prepare(src, out, **SMALL_SHARDS).new == 1
    after = content(out)
    assert all(after[path] == data for path, data in before.items() if path.suffix == ".tar")
    assert lines(out)["aa.mp4"]["status"] == "prepared"
    assert len(Corpus(out)) == len(list(Corpus(out).samples)) == 10


def test_nothing_is_done_twice(src, tmp_path):
    prepare(src, tmp_path / "out", workers=0)
    before = content(tmp_path / "out")
    assert prepare(src, tmp_path / "out", workers=0).new == 0
    assert content(tmp_path / "out") == before


def test_a_refused_video_that_was_mended_is_done_again(src, tmp_path):
    prepare(src, tmp_path / "out", **SMALL_SHARDS)
    (src / "b.mp4").write_text("1 mended")
    assert prepare(src, tmp_path / "out", **SMALL_SHARDS).new == 1
    assert lines(tmp_path / "out")["b.mp4"]["status"] == "prepared"


def test_a_manifest_made_before_a_key_was_known_still_holds(src, tmp_path):
    prepare(src, tmp_path / "out", workers=0)
    manifest = tmp_path / "out/manifest.jsonl"
    old = [{k: v for k, v in json.loads(line).items() if k != "attributes"} for line in manifest.open()]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in old))
    assert prepare(src, tmp_path / "out", workers=0).new == 0
    (src / "f.meta.json").write_text('{"attributes": {"gender": "women"}}')
    with pytest.raises(NpvfError, match="--overwrite"):
        prepare(src, tmp_path / "out", workers=0)


def test_a_touched_video_is_the_same_video(src, tmp_path):
    prepare(src, tmp_path / "out", workers=0)
    (src / "f.mp4").touch()
    assert prepare(src, tmp_path / "out", workers=0).new == 0


@pytest.mark.parametrize("change", ["content", "label", "settings"])
def test_what_changed_is_an_error_until_overwritten(src, tmp_path, change):
    out, settings = tmp_path / "out", IngestSettings()
    prepare(src, out, workers=0)
    before = content(out)
    if change == "content":
        (src / "f.mp4").write_text("2 other")
    elif change == "label":
        (src / "f.meta.json").write_text('{"label": 1}')
    else:
        settings = IngestSettings(max_seconds=10.0)
    with pytest.raises(NpvfError, match="--overwrite"):
        prepare(src, out, workers=0, settings=settings)
    assert content(out).items() >= before.items()
    assert prepare(src, out, workers=0, settings=settings, overwrite=True).new == 7


def test_shards_of_something_else_are_left_alone(src, tmp_path):
    (tmp_path / "shard-000000.tar").write_text("mine")
    with pytest.raises(NpvfError, match="something else"):
        prepare(src, tmp_path, workers=0)
    assert (tmp_path / "shard-000000.tar").read_text() == "mine"


def test_a_fault_of_the_program_costs_one_video_and_is_told(src, tmp_path):
    (src / "b.mp4").write_text("not_a_reason")
    with pytest.raises(NpvfError, match=r"(?s)b\.mp4.*not_a_reason"):
        prepare(src, tmp_path / "out", **SMALL_SHARDS)
    manifest = (tmp_path / "out/manifest.jsonl").read_text().splitlines()
    assert "b.mp4" not in {json.loads(line)["video"] for line in manifest}
    assert len(manifest) == 6
    (src / "b.mp4").write_text("no_face")
    assert prepare(src, tmp_path / "out", **SMALL_SHARDS).new == 1
    assert len(Corpus(tmp_path / "out").manifest) == 7
