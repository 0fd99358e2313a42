"""Several runs prepare one corpus together, with `fake_ingest` in the place of real videos."""

import pytest
from filelock import FileLock

from npvf.errors import NpvfError
from npvf.prepare.ingest import IngestSettings
from npvf.prepare.run import prepare

SMALL_SHARDS = {"shard_bytes": 40_000, "workers": 0}


pytestmark = pytest.mark.usefixtures("faked_ingest")


@pytest.fixture
def src(tmp_path):
    (tmp_path / "src").mkdir()
    for n in range(13):
        (tmp_path / "src" / f"{n:02d}.mp4").write_text("no_face" if n == 5 else f"{n % 3 + 1} {n}", encoding="utf-8")
    return tmp_path / "src"


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_parts_make_the_same_corpus_as_one_run(src, tmp_path, order):
    prepare(src, tmp_path / "whole", **SMALL_SHARDS)
    done = [prepare(src, tmp_path / "out", part=(index, 3), **SMALL_SHARDS).new for index in order]
    assert sum(done) == 13 and max(done) - min(done) <= 1
    assert not list((tmp_path / "out").glob("shard-*.tar"))
    assert prepare(src, tmp_path / "out", **SMALL_SHARDS).new == 0
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_part_that_was_lost_is_done_by_the_last_run(src, tmp_path):
    prepare(src, tmp_path / "whole", **SMALL_SHARDS)
    prepare(src, tmp_path / "out", part=(1, 2), **SMALL_SHARDS)
    assert prepare(src, tmp_path / "out", part=(1, 2), **SMALL_SHARDS).new == 0
    assert prepare(src, tmp_path / "out", **SMALL_SHARDS).new == 7
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_the_last_run_waits_for_no_part(src, tmp_path):
    prepare(src, tmp_path / "out", part=(0, 2), **SMALL_SHARDS)
    with FileLock(tmp_path / "out/.work/lock-1"):
        with pytest.raises(NpvfError, match="Part 1"):
            prepare(src, tmp_path / "out", **SMALL_SHARDS)
        with pytest.raises(NpvfError, match="writing part 1"):
            prepare(src, tmp_path / "out", part=(1, 2), **SMALL_SHARDS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part": (2, 2)}, "--shard-index 2"),
        ({"part": (0, 2), "overwrite": True}, "--overwrite"),
        ({"part": (1, 2), "settings": IngestSettings(max_seconds=10)}, "max_seconds was 20.0, now 10"),
    ],
)
def test_what_a_part_cannot_do(src, tmp_path, options, message):
    prepare(src, tmp_path / "out", part=(0, 2), **SMALL_SHARDS)
    with pytest.raises(NpvfError, match=message):
        prepare(src, tmp_path / "out", **SMALL_SHARDS, **options)
