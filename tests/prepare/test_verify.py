"""Damage on the disk is found and mended, with `fake_ingest` in the place of real videos."""

import json

import pytest

from npvf.cli.main import main
from npvf.errors import NpvfError
from npvf.prepare.run import prepare
from npvf.prepare.verify import verify

SMALL_SHARDS = {"shard_bytes": 40_000, "workers": 0}


pytestmark = pytest.mark.usefixtures("faked_ingest")


@pytest.fixture
def made(tmp_path):
    src, out = tmp_path / "src", tmp_path / "out"
    src.mkdir()
    for n in range(12):
        (src / f"{n:02d}.mp4").write_text("no_face" if n == 5 else f"{n % 3 + 1} {n}", encoding="utf-8")
    prepare(src, out, **SMALL_SHARDS)
    assert len(list(out.glob("shard-*.tar"))) > 3
    return src, out


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_good_corpus_is_clean_and_stays_as_it_is(made):
    before = content(made[1])
    found = verify(made[1])
    assert (found.damage, found.to_prepare, found.complete) == ([], [], True)
    assert found.samples == json.loads((made[1] / "dataset.json").read_text(encoding="utf-8"))["clips"]
    assert content(made[1]) == before


def flip(path, at):
    changed = bytearray(path.read_bytes())
    changed[at] ^= 1
    path.write_bytes(changed)


DAMAGES = {
    "a flipped bit": lambda out: flip(out / "shard-000001.tar", 5000),
    "cut off": lambda out: (out / "shard-000002.tar").write_bytes((out / "shard-000002.tar").read_bytes()[:9000]),
    "no end": lambda out: (out / "shard-000001.tar").write_bytes((out / "shard-000001.tar").read_bytes()[:-10240]),
    "missing": lambda out: (out / "shard-000000.tar").unlink(),
    "two": lambda out: (flip(out / "shard-000001.tar", 5000), (out / "shard-000003.tar").unlink()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_shard_is_made_anew_by_the_next_run(made, damage):
    src, out = made
    before = content(out)
    damage(out)
    found = verify(out)
    assert found.damage and not found.complete
    with pytest.raises(NpvfError, match="not finished"):
        from npvf.io.corpus import Corpus

        Corpus(out)
    assert prepare(src, out, **SMALL_SHARDS).new == len(found.to_prepare)
    assert content(out) == before
    assert not verify(out).damage


def test_one_flipped_bit_costs_one_video(made):
    flip(made[1] / "shard-000001.tar", 5000)
    assert len(verify(made[1]).to_prepare) == 1


def test_wrong_counts_are_written_anew(made):
    out = made[1]
    before = content(out)
    dataset = json.loads((out / "dataset.json").read_text(encoding="utf-8"))
    (out / "dataset.json").write_text(json.dumps({**dataset, "clips": 999}), encoding="utf-8")
    (sentence,) = verify(out).damage
    assert "clips" in sentence
    assert content(out) == before


def test_the_command_tells_and_exits_with_1(made, capsys):
    assert main(["prepare", "--verify", str(made[1])]) == 0
    flip(made[1] / "shard-000001.tar", 5000)
    assert main(["prepare", "--verify", str(made[1])]) == 1
    assert "to be prepared again" in capsys.readouterr().out


def test_what_is_not_a_corpus(tmp_path):
    with pytest.raises(NpvfError, match="not a prepared corpus"):
        verify(tmp_path)
