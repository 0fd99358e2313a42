"""Videos from and shards to an object store, with `fake_ingest` in the place of real videos."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from npvf.errors import NpvfError
from npvf.io.corpus import Corpus
from npvf.io.entries import read_entries
from npvf.io.remote_sources import find_sources_at
from npvf.io.shards import read_sample
from npvf.io.urls import list_files, remove, upload
from npvf.prepare import manifest, run
from npvf.prepare.ingest import IngestSettings
from npvf.prepare.run import prepare
from npvf.prepare.verify import verify
from tests.helpers.urls import content_at, put, s3_server

VIDEOS = {
    "a/x.mp4": "2",
    "a/x.avi": "1",
    "b.mp4": "no_face",
    "c.1 é.mp4": "3",
    "d.mp4": "2",
    "e.mp4": "1 e",
    "f.mp4": "1 f",
}
MAIN = Path(__file__).parents[1] / "helpers" / "killed_main.py"


@pytest.fixture
def src(tmp_path):
    for name, content in VIDEOS.items():
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (tmp_path / "src" / "notes.md").touch()
    said = {"label": 1, "identity": "me"}
    (tmp_path / "src" / "d.meta.json").write_text(json.dumps(said), encoding="utf-8")
    return tmp_path / "src"


@pytest.fixture
def options(tmp_path, monkeypatch):
    monkeypatch.setenv("NPVF_CACHE", str(tmp_path / "cache"))
    return {"shard_bytes": 15_000, "workers": 0}


@pytest.fixture
def url(src):
    """A bucket with the videos of `src` in `videos`."""
    bucket = f"memory://{uuid.uuid4().hex}"
    put(src, f"{bucket}/videos")
    return bucket


pytestmark = pytest.mark.usefixtures("faked_ingest")


def local(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def timeless(files):
    """The same, without the places and times of the videos, which differ between a folder and a store."""
    lines = [json.loads(line) for line in files["manifest.jsonl"].splitlines()]
    for line in lines:
        for key in ("path", "mtime_ns"):
            del line[key]
        line["media"] = {**line["media"], "path": None} if line["media"] else None
    return {**files, "manifest.jsonl": lines}


def test_a_corpus_in_a_store_is_that_of_a_folder(src, url, options, tmp_path):
    prepare(src, tmp_path / "out", **options)
    summary = prepare(f"{url}/videos", f"{url}/out/", **options)
    assert summary.new == 7
    assert timeless(content_at(f"{url}/out")) == timeless(local(tmp_path / "out"))
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []  # nothing is left on this machine
    assert prepare(f"{url}/videos", f"{url}/out", **options).new == 0
    corpus = Corpus(f"{url}/out")
    lines = {line["video"]: line for line in corpus.manifest}
    assert lines["a/x.mp4"]["path"] == f"{url}/videos/a/x.mp4"
    assert (lines["d.mp4"]["label"], lines["b.mp4"]["reason"]) == (1, "no_face")
    places = list(read_entries(corpus))
    assert [read_sample(corpus.place(e.shard), e.offset, e.size) for e in places] == list(corpus.samples)


def test_videos_are_removed_from_this_machine(url, options, tmp_path):
    seen = []
    prepare(
        f"{url}/videos", tmp_path / "out", on_done=lambda _: seen.extend((tmp_path / "out/.work").iterdir()), **options
    )
    assert not [path for path in seen if path.is_dir()]


@pytest.mark.slow
def test_a_run_that_is_broken_off_goes_on_from_what_is_there(src, url, options, tmp_path, monkeypatch):
    """On another machine, too: with an empty staging folder, what is in shards is not done again."""
    prepare(src, tmp_path / "out", **options)

    class Killed(BaseException):
        pass

    uploads = []

    def upload_and_die(path, target):
        upload(path, target)
        uploads.append(target)
        if len(uploads) == moment:
            raise Killed

    for moment in range(1, 9):
        uploads.clear()
        out = f"{url}/out{moment}"
        monkeypatch.setattr("npvf.prepare.published.upload", upload_and_die)
        with pytest.raises(Killed):
            prepare(f"{url}/videos", out, staging=tmp_path / "one", **options)
        monkeypatch.setattr("npvf.prepare.published.upload", upload)
        with pytest.raises(NpvfError, match="not finished"):
            Corpus(out)
        sealed = sum(name.startswith(".work/shard") for name in list_files(out))
        done = prepare(f"{url}/videos", out, staging=tmp_path / f"other{moment}", **options)
        assert done.new < 7 or not sealed
        assert timeless(content_at(out)) == timeless(local(tmp_path / "out"))


def test_parts_of_several_machines_make_one_corpus(src, url, options, tmp_path):
    prepare(src, tmp_path / "out", **options)
    for index in range(3):
        prepare(f"{url}/videos", f"{url}/out", part=(index, 3), staging=tmp_path / f"machine{index}", **options)
    assert not [name for name in list_files(f"{url}/out") if name.startswith("shard")]
    again = prepare(f"{url}/videos", f"{url}/out", part=(1, 3), staging=tmp_path / "machine4", **options)
    assert again.new == 0 and again.dataset["inputs"] == 2
    assert prepare(f"{url}/videos", f"{url}/out", staging=tmp_path / "last", **options).new == 0
    assert timeless(content_at(f"{url}/out")) == timeless(local(tmp_path / "out"))


def test_verify_finds_damage_and_the_next_run_mends_it(src, url, options, tmp_path):
    prepare(f"{url}/videos", f"{url}/out", **options)
    before = content_at(f"{url}/out")
    found = verify(f"{url}/out")
    assert (found.damage, found.complete, found.samples) == ([], True, 10)
    assert content_at(f"{url}/out") == before
    shards = [name for name in before if name.startswith("shard")]
    remove([f"{url}/out/{shards[0]}"])
    damaged = tmp_path / "damaged"
    damaged.write_bytes(before[shards[1]][:9000])
    upload(damaged, f"{url}/out/{shards[1]}")
    found = verify(f"{url}/out")
    assert len(found.damage) == 2 and not found.complete
    assert prepare(f"{url}/videos", f"{url}/out", **options).new == len(found.to_prepare)
    assert content_at(f"{url}/out") == before


def test_what_is_refused_and_what_is_an_error(src, url, options, tmp_path):
    with pytest.raises(NpvfError, match="contains no videos"):
        prepare(f"{url}/nothing", tmp_path / "out", **options)
    with pytest.raises(NpvfError, match=r"--corpus reads a local copy"):
        prepare(f"{url}/videos", tmp_path / "out", corpus="grid", **options)
    prepare(f"{url}/videos", f"{url}/out", **options)
    with pytest.raises(NpvfError, match=r"max_seconds was 20\.0, now 10"):
        prepare(f"{url}/videos", f"{url}/out", settings=IngestSettings(max_seconds=10), **options)
    changed = tmp_path / "changed.mp4"
    changed.write_text("2 changed", encoding="utf-8")
    upload(changed, f"{url}/videos/d.mp4")
    with pytest.raises(NpvfError, match=r"have changed since, for example 'd.mp4'"):
        prepare(f"{url}/videos", f"{url}/out", **options)
    assert prepare(f"{url}/videos", f"{url}/out", overwrite=True, **options).new == 7


def test_a_video_that_is_uploaded_once_more_is_the_same_video(src, url, options, tmp_path):
    prepare(f"{url}/videos", f"{url}/out", **options)
    upload(src / "d.mp4", f"{url}/videos/d.mp4")
    assert prepare(f"{url}/videos", f"{url}/out", **options).new == 0


@pytest.mark.parametrize("at_url", [False, True])
def test_a_list_of_urls(src, url, options, tmp_path, at_url):
    path = tmp_path / "list.csv"
    names = (
        ["d.mp4", "gone.mp4", "a/x.mp4"] if at_url else [f"{url}/videos/{n}" for n in ("d.mp4", "gone.mp4", "a/x.mp4")]
    )
    path.write_text("path,label\n" + "".join(f"{name},0\n" for name in names), encoding="utf-8")
    if at_url:
        upload(path, f"{url}/videos/list.csv")
    prepare(f"{url}/videos/list.csv" if at_url else path, tmp_path / "out", **options)
    lines = Corpus(tmp_path / "out").manifest
    assert [line["video"] for line in lines] == names
    assert [line["reason"] for line in lines] == [None, "not_found", None]
    assert [line["label"] for line in lines] == [0, 0, 0] and lines[0]["identity"] == "me"
    assert f"{url}/videos/gone.mp4 is not a file" in lines[1]["sentence"]


def test_a_bad_sidecar_costs_its_video(url, options, tmp_path):
    (tmp_path / "bad").write_text('{"lable": 1}', encoding="utf-8")
    upload(tmp_path / "bad", f"{url}/videos/a/x.meta.json")
    prepare(f"{url}/videos", tmp_path / "out", **options)
    lines = {line["video"]: line for line in Corpus(tmp_path / "out").manifest}
    assert lines["a/x.mp4"]["reason"] == "bad_sidecar" and "x.meta.json" in lines["a/x.mp4"]["sentence"]


def test_what_lies_beside_a_video_comes_with_it(url, tmp_path):
    (tmp_path / "mask").write_bytes(b"mask")
    for name in ("b.mask.npz", "b.TextGrid", "b.other"):
        upload(tmp_path / "mask", f"{url}/videos/{name}")
    source = next(s for s in find_sources_at(f"{url}/videos").items if s.video == "b.mp4")
    with run.on_this_machine(source, tmp_path) as here:
        assert {path.name for path in here.path.parent.iterdir()} == {"b.mp4", "b.mask.npz", "b.TextGrid"}
        assert here.mask == here.path.with_name("b.mask.npz") and manifest.mask_hash(here) is not None
    assert not here.path.parent.exists()
    (single,) = find_sources_at(f"{url}/videos/b.mp4").items
    assert single.remote == source.remote


@pytest.mark.slow
def test_on_a_real_server_with_worker_processes(src, tmp_path, monkeypatch):
    """S3: the command itself, its workers, and training's reading of single samples."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(MAIN.parents[2]), *filter(None, sys.path)]))
    monkeypatch.setenv("NPVF_CACHE", str(tmp_path / "cache"))
    with s3_server() as bucket:
        put(src, f"{bucket}/videos")
        for place in (tmp_path / "out", f"{bucket}/out"):
            command = [sys.executable, str(MAIN), "prepare", f"{bucket}/videos", str(place), "--workers", "2"]
            subprocess.run([*command, "--shard-mb", "0.015"], check=True, timeout=300)
        assert content_at(f"{bucket}/out") == local(tmp_path / "out")
        assert verify(f"{bucket}/out").damage == []
        corpus = Corpus(f"{bucket}/out")
        places = list(read_entries(corpus))
        assert [read_sample(corpus.place(e.shard), e.offset, e.size) for e in places] == list(corpus.samples)
