"""`npvf evaluate` from end to end on a tiny corpus: one folder with everything; and `npvf compare` of two of them."""

from __future__ import annotations

import argparse
import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest
from sklearn.metrics import roc_auc_score

from npvf.cli import compare
from npvf.cli.evaluate import command as evaluate
from npvf.errors import MissingDependency, NpvfError
from npvf.io.corpus import Corpus
from tests.helpers.labelled_videos import Teller, people_corpus
from tests.helpers.urls import in_store

pytestmark = pytest.mark.slow

FILES = {"metrics.json", "config.yaml", "report.html"} | {
    f"{name}{suffix}.csv" for name in ("scores", "segments") for suffix in ("", "_trimmed")
}
CURVES = {f"{name}.{suffix}" for name in ("roc", "det", "calibration", "tippett") for suffix in ("svg", "png")}


def call(command: ModuleType, *words: object) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return people_corpus(tmp_path_factory.mktemp("corpus") / "tiny <corpus>", silence=2)


@pytest.fixture(scope="module")
def runs(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a good and of a blind detector, as `good` and `blind`."""
    folder = tmp_path_factory.mktemp("runs")
    config = folder / "run.yaml"
    config.write_text(f"corpus: {str(corpus.folder)!r}\nsplit: test\nbootstrap: 30\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "model_of", lambda settings: None)
        for name, blind in (("good", 0.2), ("blind", 3.0)):
            patch.setattr(evaluate, "_predictor", lambda settings, blind=blind: Teller(blind))
            assert call(evaluate, "--config", config, "--detector", "told", "--out", folder / name) == 0
    return folder


def test_one_folder_holds_everything(runs: Path) -> None:
    assert {path.name for path in (runs / "good").iterdir()} == FILES | CURVES


def test_the_scores_make_the_figures(runs: Path) -> None:
    report = json.loads((runs / "good" / "metrics.json").read_text())
    for suffix, part in (("", report), ("_trimmed", report["trimmed"])):
        judged = [row for row in rows(runs / "good" / f"scores{suffix}.csv") if row["score"]]
        auc = roc_auc_score([int(r["label"]) for r in judged], [float(r["score"]) for r in judged])
        assert part["auc"] == pytest.approx(auc, abs=1e-9)
        segments = rows(runs / "good" / f"segments{suffix}.csv")
        auc = roc_auc_score([int(s["label"]) for s in segments], [float(s["score"]) for s in segments])
        assert part["segments"]["auc"] == pytest.approx(auc, abs=1e-9)
    assert json.loads(rows(runs / "good" / "scores.csv")[0]["attributes"]) == {"gender": "men", "race": "A"}


def test_what_it_takes_to_do_it_again_is_there(runs: Path, corpus: Corpus) -> None:
    report = json.loads((runs / "good" / "metrics.json").read_text())
    assert report["command"].endswith("good/config.yaml") and report["settings"]["split"] == "test"
    assert len(report["provenance"]["corpus"]["manifest_sha256"]) == 64
    assert report["provenance"]["videos"]["count"] == 26 and report["coverage"] == pytest.approx(24 / 26)
    assert report["shortcuts"][0]["auc"] == 1 and "silence" in report["shortcuts"][0]["name"]


def test_a_corpus_at_a_url_gives_the_same_figures(
    runs: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "_predictor", lambda settings: Teller(0.2))
    monkeypatch.setattr(evaluate, "model_of", lambda settings: None)
    url = in_store(Path(corpus.folder))
    words = ("--detector", "told", "--split", "test", "--bootstrap", 30, "--no-plots", "--out", tmp_path)
    assert call(evaluate, url, *words) == 0
    for name in ("scores.csv", "segments_trimmed.csv"):
        assert (tmp_path / name).read_bytes() == (runs / "good" / name).read_bytes()
    here, there = (json.loads((folder / "metrics.json").read_text()) for folder in (runs / "good", tmp_path))
    assert there["shortcuts"] == here["shortcuts"] and there["provenance"]["corpus"]["folder"] == url
    assert there["provenance"]["corpus"]["manifest_sha256"] == here["provenance"]["corpus"]["manifest_sha256"]
    with pytest.raises(NpvfError, match="a folder of this machine"):
        call(evaluate, url, "--detector", "told", "--out", url)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_stands_alone_and_says_what_matters(runs: Path) -> None:
    page = Page()
    page.feed((runs / "good" / "report.html").read_text())
    assert len(page.addresses) == 4 and all(a.startswith("data:image/svg+xml;base64,") for a in page.addresses)
    for said in (
        "24 of 26 videos were judged", "silence at the start alone", "AUC without leading silence", "By manipulation",
        "By category", "By gender", "Gap in AUC", "Where in time", "2 not_found", "tiny <corpus>",
    ):  # fmt: skip
        assert said in page.text, said


def test_the_table_names_the_strongest_shortcut_the_gap_and_the_spans(
    runs: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluate, "_predictor", lambda settings: Teller(0.2))
    monkeypatch.setattr(evaluate, "model_of", lambda settings: None)
    words = (corpus.folder, "--detector", "told", "--out", tmp_path, "--bootstrap", 0, "--no-plots")
    assert call(evaluate, *words) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for said in (
        "trimmed",
        "segments",
        "strongest shortcut: silence",
        "gap by gender",
        "temporal localization of 16 spans",
    ):
        assert said in printed
    assert not {path.name for path in tmp_path.iterdir()} & CURVES
    assert call(evaluate, *words, "--no-shortcuts", "--silence", "kept", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert "shortcuts" not in report and "trimmed" not in report and report["auc_ci"] is None


def test_plots_without_matplotlib_are_an_error_before_the_work(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependency, match="--no-plots"):
        call(evaluate, corpus.folder, "--detector", tmp_path / "none", "--out", tmp_path)


def test_compare_tells_the_better_detector(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "made" / "found.json"
    assert call(compare, runs / "good", runs / "blind", "--bootstrap", 200, "--out", out) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "A - B" in printed and "8 groups by identity" in printed and "the intervals are too narrow" in printed
    found = json.loads(out.read_text())
    good, blind = (json.loads((runs / name / "metrics.json").read_text()) for name in ("good", "blind"))
    assert (found["judged"]["auc_a"], found["judged"]["auc_b"]) == pytest.approx((good["auc"], blind["auc"]))
    assert found["judged"]["difference"] > 0 and found["judged"]["p"] < 0.05
    assert (found["videos"], found["judged_by_a"], found["all"]["real"]) == (26, 24, 9)
    assert found["all"]["auc_a"] == pytest.approx(good["auc_all"])
    assert set(found["by_manipulation"]) == {"swap", "shift"}


def test_compare_of_a_run_with_itself_and_of_trimmed_scores(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(compare, runs / "good", runs / "good", "--trimmed", "--bootstrap", 50, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["silence"], found["judged"]["difference"], found["judged"]["p"]) == ("trimmed", 0, 1)


def test_what_cannot_be_compared_is_an_error(runs: Path, tmp_path: Path) -> None:
    def changed(name: str, old: str, new: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "scores.csv").write_text((runs / "good" / "scores.csv").read_text().rstrip().replace(old, new))
        return folder

    for other, said in (
        (tmp_path, "does not exist"),
        (changed("other", "p", "q"), "no scores of videos"),
        (changed("names", "\n", "\nx"), "no video in common"),
        (changed("labels", "p0-swap,1", "p0-swap,0"), "p0-swap has two labels, 1 in .* and 0 in"),
        (changed("files", ",p0-swap,judged", ",abc,judged"), "p0-swap is not the same file"),
    ):
        with pytest.raises(NpvfError, match=said):
            call(compare, runs / "good", other, "--bootstrap", 20)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("--localizer DIR --silence trimmed --no-plots", "silence, plots"),
        ("--localizer DIR --swap-reach 7", "swap_reach"),
        ("--pretrained DIR --segments-per-clip 3", "segments_per_clip"),
        ("--detector silence --no-baseline", "baseline"),
    ],
)
def test_a_key_that_the_protocol_does_not_read_is_an_error(words: str, named: str) -> None:
    with pytest.raises(NpvfError, match=f"does not use {named}:"):
        call(evaluate, "CORPUS", *words.split())
