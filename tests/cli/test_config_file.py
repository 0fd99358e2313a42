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
        "half",
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
        ("corpus: a\nsilence: gone", "'silence' is 'gone'; expected one of 'both', 'kept', 'trimmed'"),
        ("corpus: a\nbootstrap: many", "'bootstrap' is 'many'; expected an integer"),
        ("corpus: a\nbootstrap: true", "'bootstrap' is True; expected an integer"),
        ("corpus: a\nplots: 1", "'plots' is 1; expected true or false"),
        ("corpus: a\ninclude: x", "'include' is 'x'; expected a list whose entries are each a string"),
        ("corpus: a\nsplit: 1", "'split' is 1; expected a string or null"),
        ("corpus: a\nthreshold: 2.0\ndetector: d", "threshold is 2.0; it must lie between 0 and 1"),
        ("corpus: a\nsegments_per_clip: 0\ndetector: d", "segments_per_clip is 0"),
        ("corpus: a\ndetector: d\npretrained: p", "give only one of"),
        ("corpus: a\nprotocol: detection", "detection needs --detector DIR"),
        ("detector: d", "'corpus' is missing"),
        ("- a\n- b", "has no keys"),
        ("corpus: [", "is not valid YAML"),
        ("", "has no keys"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(NpvfError, match=said):
        settings("--config", write(tmp_path, text))


def test_no_file_and_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(NpvfError, match="cannot be read: No such file"):
        settings("--config", tmp_path / "none.yaml")
    with pytest.raises(NpvfError, match="the command line: 'corpus' is missing"):
        settings("--detector", "d")


def test_the_demo_is_evaluated_again_where_it_leaves_its_results() -> None:
    demo, found = (
        Demo(Path("runs/demo"), Path("runs/demo"), 0, 1),
        settings("--config", ROOT / "evaluate/forged_synth.yaml"),
    )
    assert found.corpus == str(demo.corpora / "prepared-forged")
    assert found.detector == str(demo.out / "detector" / "detector")
