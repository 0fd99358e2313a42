"""Two miniatures the whole way: split, `prepare`, `finetune`, `evaluate`; every result has the split's hash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finetune.cli import main as finetune
from npvf.cli.main import main
from npvf.corpora.splits import read_split
from npvf.io.corpus import Corpus
from tests.helpers.miniatures import Maker, fakeavceleb, lavdf

pytestmark = pytest.mark.slow

CONFIG = str(Path(__file__).parents[1] / "conf" / "finetune.yaml")
PREPARE = ("--workers", "0", "--phones", "voice_activity")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FakeAVCeleb with six people and LAV-DF, both prepared; a split of each."""
    home = tmp_path_factory.mktemp("home")
    fakeavceleb(Maker(home, home / "FakeAVCeleb"), people=6)
    lavdf(Maker(home, home / "LAV-DF"))
    for name, root, protocol in (("fakeavceleb", "FakeAVCeleb", "identity-disjoint"), ("lavdf", "LAV-DF", "official")):
        split = ["--protocol", protocol, "--out", str(home / f"{name}.json")]
        assert main(["corpora", "split", name, str(home / root), *split]) == 0
        assert main(["prepare", str(home / root), str(home / name), "--corpus", name, *PREPARE]) == 0
    return home


@pytest.fixture(scope="module")
def detector(home: Path) -> Path:
    run = home / "run"
    data = [f"--data.train=[{home / 'fakeavceleb'}]", f"--data.clips.split_file={home / 'fakeavceleb.json'}"]
    finetune(["fit", "--config", CONFIG, *data, "--trainer.max_epochs=1", f"--trainer.default_root_dir={run}"])
    return run / "detector"


def test_what_is_missing_is_in_the_manifest(home: Path) -> None:
    manifest = Corpus(home / "fakeavceleb").manifest
    reasons = [line["reason"] for line in manifest]
    assert {reason: reasons.count(reason) for reason in set(reasons)} == {
        None: 12,
        "listed_twice": 1,
        "not_found": 2,
        "not_listed": 1,
    }
    races = {line["attributes"]["race"] for line in manifest if line["status"] == "prepared"}
    assert races == {"Asian (South)", "Caucasian (American)"}


def test_the_detector_says_which_split_it_was_trained_on(home: Path, detector: Path) -> None:
    content = json.loads((detector / "config.json").read_text())
    assert read_split(home / "fakeavceleb.json").hash in json.dumps(content)


@pytest.mark.parametrize(("name", "part", "counts"), [("fakeavceleb", "test", (1, 1)), ("lavdf", "val", (1, 1))])
def test_a_part_is_evaluated(home: Path, detector: Path, name: str, part: str, counts: tuple[int, int]) -> None:
    out = home / f"evaluated-{name}"
    split = home / f"{name}.json"
    asked = ["--split-file", str(split), "--split", part, "--bootstrap", "0", "--device", "cpu", "--out", str(out)]
    assert main(["evaluate", str(home / name), "--detector", str(detector), *asked]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["real"], metrics["fake"]) == counts
    assert metrics["split_file"]["hash"] == read_split(split).hash


def test_a_split_of_more_than_was_prepared_is_an_error(
    home: Path, detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--detector", str(detector), "--split-file", str(home / "fakeavceleb.json"), "--out", str(tmp_path)]
    assert main(["evaluate", str(home / "lavdf"), *asked]) == 2
    assert "Prepare all of them" in capsys.readouterr().err


def test_only_the_videos_of_a_split_are_prepared(home: Path, tmp_path: Path) -> None:
    path = home / "lavdf.json"
    src, out = str(home / "LAV-DF"), tmp_path / "out"
    assert main(["prepare", src, str(out), "--corpus", "lavdf", "--split-file", str(path), *PREPARE]) == 0
    dataset = Corpus(out).dataset
    assert dataset["split"]["hash"] == read_split(path).hash
    assert (dataset["inputs"], dataset["not_in_split"]) == (4, 1)
    other = ["--corpus", "lavdf", "--split-file", str(home / "fakeavceleb.json"), *PREPARE]
    assert main(["prepare", src, str(tmp_path / "other"), *other]) == 2
