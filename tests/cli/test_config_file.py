"""Configurations: what is wrong with one is said with its name, and with what was probably meant."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from npvf.cli.demo import Demo
from npvf.cli.evaluate.settings import EvaluateSettings, add_arguments
from npvf.errors import NpvfError

ROOT = Path(__file__).parents[2] / "configs"
CONFIGS = [*sorted(ROOT.glob("evaluate/*.yaml")), ROOT / "baseline/silence.yaml", ROOT / "baseline/mouth_energy.yaml"]


def settings(*words: object) -> EvaluateSettings:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return EvaluateSettings.of(parser.parse_args([str(word) for word in words]))


def write(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_of_the_package_is_one(path: Path) -> None:
    assert settings("--config", path).measures == "detection"


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, "corpus: data/a\ndetector: d\nsplit: test\nbootstrap: 7\ninclude: ['x/*', 'y/*']\n")
    found = settings("--config", path, "--split", "val", "--no-plots")
    assert (found.corpus, found.split, found.bootstrap, found.refused, found.plots) == (
        "data/a",
        "val",
        7,
        None,
        False,
    )
    assert found.include == ("x/*", "y/*")
    other = settings("--config", path, "data/b", "--pretrained", "p")
    assert (other.corpus, other.detector, other.pretrained) == ("data/b", None, "p")


def test_what_a_run_writes_down_is_a_configuration_of_the_same_run(tmp_path: Path) -> None:
    found = settings(
        "data/a", "--detector", "d", "--identities", "ann", "bob", "--threshold", 0.3, "--segments-per-clip", 8
    )
    assert settings("--config", write(tmp_path, found.to_yaml())) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("corpus: a\ndetectr: d", r"run.yaml: unknown key 'detectr'; did you mean 'detector'\?"),
        ("corpus: a\nqqq: d", "unknown key 'qqq'; known keys: corpus, detector"),
        ("corpus: a\nsilence: gone", "argument --silence: invalid choice: 'gone' .choose from .*both"),
        ("corpus: a\nbootstrap: many", "argument --bootstrap: expected an integer >= 0, got 'many'"),
        ("corpus: a\nbootstrap: true", "'bootstrap' is True; expected a string or a number"),
        ("corpus: a\nplots: 1", "'plots' is 1; expected true or false"),
        ("corpus: a\ninclude: [[x]]", "'include' is .*; expected a string or a number"),
        ("corpus: a\nsplit: [x, y]", "'split' is a list; expected one value"),
        ("corpus: a\nthreshold: 2.0\ndetector: d", "expected a number from 0 to 1, got '2.0'"),
        ("corpus: a\nsegments_per_clip: 0\ndetector: d", "--segments-per-clip: expected an integer >= 1, got '0'"),
        ("corpus: a\ndetector: d\npretrained: p", "give only one of"),
        ("corpus: a\nprotocol: detection", "detection needs --detector, --from-scores"),
        ("detector: d", "'corpus' is missing"),
        ("- a\n- b", "has no keys"),
        ("corpus: [", "is not valid YAML"),
        ("", "has no keys"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(NpvfError, match=said):
        settings("--config", write(tmp_path, text))


def test_a_file_says_the_same_as_flags(tmp_path: Path) -> None:
    path = write(
        tmp_path, "corpus: -odd\nname: --x\ninclude: x\nsplit: 1\nidentities: [7]\nthreshold: null\ndetector: d"
    )
    found = settings("--config", path)
    assert (found.corpus, found.name, found.include, found.split, found.identities, found.threshold) == (
        "-odd",
        "--x",
        ("x",),
        "1",
        ("7",),
        None,
    )


def test_a_number_out_of_its_range_is_a_wrong_use_of_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        settings("a", "--detector", "d", "--threshold", 2)
    assert "argument --threshold: expected a number from 0 to 1, got '2'" in capsys.readouterr().err


def test_no_file_and_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(NpvfError, match="cannot be read: No such file"):
        settings("--config", tmp_path / "none.yaml")
    with pytest.raises(NpvfError, match="'corpus' is missing: give it in the file or on the command line"):
        settings("--detector", "d")


def test_the_demo_is_evaluated_again_where_it_leaves_its_results() -> None:
    demo, found = (
        Demo(Path("runs/demo"), Path("runs/demo"), 0, 1),
        settings("--config", ROOT / "evaluate/forged_synth.yaml"),
    )
    assert found.corpus == str(demo.corpora / "prepared-forged")
    assert found.detector == str(demo.out / "detector" / "detector")
