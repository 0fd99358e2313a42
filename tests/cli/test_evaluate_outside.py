"""`npvf evaluate` of two detectors that are not npvf's, on plain videos, and of score files."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from npvf.cli.evaluate import command as evaluate
from npvf.errors import NpvfError
from tests.helpers import outside_detectors

FUNCTION = "tests.helpers.outside_detectors:crashing"
COMMAND = f"cmd: {sys.executable} {outside_detectors.__file__} {{video}}"
KINDS = ("swap", "lips", "talk")
QUICK = ("--bootstrap", "20", "--no-plots")


def call(*words: object) -> int:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(word) for word in (*words, *QUICK)]))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of 30 videos of 6 people: 12 real, 6 fakes of each of 3 kinds; "talk" is found worst. One is missing."""
    folder, rng = tmp_path_factory.mktemp("videos"), np.random.default_rng(0)
    rows = ["path,label,manipulation,identity"]
    for n in range(30):
        kind = ("", "", *KINDS)[n % 5]
        low = {"": 0.0, "swap": 0.5, "lips": 0.3, "talk": 0.1}[kind]
        (folder / f"v-{n}.mp4").write_text(str(round(low + 0.4 * rng.random(), 3)))
        rows.append(f"v-{n}.mp4,{int(bool(kind))},{kind},p{n % 6}")
    (folder / "v-28.mp4").unlink()
    (folder / "list.csv").write_text("\n".join(rows) + "\n")
    return folder / "list.csv"


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["video"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("detector", [FUNCTION, pytest.param(COMMAND, marks=pytest.mark.slow)])
def test_a_crash_on_every_tenth_file_is_counted_and_shown(
    detector: str, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(videos, "--detector", detector, "--out", tmp_path, "--seen-generators", "talk", "--workers", 2) == 0
    report, table = metrics(tmp_path), rows(tmp_path / "scores.csv")
    crashed = {"v-3.mp4", "v-13.mp4", "v-23.mp4"}  # all of the kind "lips"
    assert {video for video, row in table.items() if row["reason"].startswith("crash")} == crashed
    assert report["reasons"] == {"crash": 3, "not_found": 1} and report["coverage"] == pytest.approx(26 / 30)
    assert (report["refused_as"], report["judged_fake"], report["fake"]) == ("worst", 14, 18)
    labels = [int(row["label"]) for row in table.values()]
    worst = [float(row["score"] or 1 - int(row["label"])) for row in table.values()]
    assert report["auc_all"] == pytest.approx(roc_auc_score(labels, worst))
    judged = [(int(row["label"]), float(row["score"])) for row in table.values() if row["score"]]
    assert report["auc"] == pytest.approx(roc_auc_score(*zip(*judged, strict=True)))
    assert list(report["by_manipulation"]) == ["lips", "talk", "swap"]  # four of six lips are misses
    assert report["by_manipulation"]["lips"]["judged_fake"] == 2
    assert {name: part["fake"] for name, part in report["by_training"].items()} == {
        "not seen in training": 12,
        "seen in training": 6,
    }
    printed = " ".join(capsys.readouterr().out.split())
    assert "not judged: 3 crash, 1 not_found" in printed and "seen in training: talk" in printed
    page = (tmp_path / "report.html").read_text()
    assert "AUC over all videos" in page and "exit status 9" in page and "there is no such file" in page
    assert len(rows(tmp_path / "answers.csv")) == 29
    assert "0.0" not in {row["sha256"] for row in table.values()} and report["provenance"]["model"] is None


@pytest.mark.slow
def test_the_answers_of_a_run_give_the_same_metrics_as_scores(videos: Path, tmp_path: Path) -> None:
    assert call(videos, "--detector", FUNCTION, "--out", tmp_path / "run") == 0
    first = metrics(tmp_path / "run")
    assert call(videos, "--from-scores", tmp_path / "run" / "answers.csv", "--out", tmp_path / "again") == 0
    assert call("--from-scores", tmp_path / "run" / "scores.csv", "--out", tmp_path / "alone") == 0
    for name in ("again", "alone"):
        other = metrics(tmp_path / name)
        assert {key: other[key] for key in ("auc", "auc_all", "auc_ci", "coverage", "by_manipulation", "fpr_all")} == {
            key: first[key] for key in ("auc", "auc_all", "auc_ci", "coverage", "by_manipulation", "fpr_all")
        }
        assert other["reasons"]["crash"] == 3
    assert len(metrics(tmp_path / "alone")["provenance"]["model"]["scores.csv"]) == 64


def test_a_detector_that_crashes_on_everything_is_an_error_that_says_so(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(NpvfError, match=r"0 real and 0 fake videos were judged.*not judged: 29 crash, 1 not_found"):
        call(videos, "--detector", "os:stat_result", "--out", tmp_path)


def test_a_selection_applies_to_plain_videos(videos: Path, tmp_path: Path) -> None:
    assert call(videos, "--detector", FUNCTION, "--out", tmp_path, "--identities", "p0", "p1") == 0
    assert {row["identity"] for row in rows(tmp_path / "scores.csv").values()} == {"p0", "p1"}


def test_a_public_corpus_is_read_as_it_is(tmp_path: Path) -> None:
    root = tmp_path / "FaceForensics"
    for kind, place, score in (
        ("real", "original_sequences/youtube", 0.1),
        ("fake", "manipulated_sequences/Deepfakes", 0.9),
    ):
        for n in range(4):
            name = f"00{n}.mp4" if kind == "real" else f"00{n}_00{(n + 1) % 4}.mp4"
            path = root / place / "c23" / "videos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(score + n / 100))
    (tmp_path / "their.py").write_text("def score(path):\n    return float(open(path).read())\n")
    out = tmp_path / "out"
    assert call(root, "--reader", "faceforensics", "--detector", f"{tmp_path}/their.py:score", "--out", out) == 0
    report = metrics(out)
    assert (
        report["auc"] == 1
        and list(report["by_manipulation"]) == ["Deepfakes"]
        and report["settings"]["reader"] == "faceforensics"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("x --detector a:b --silence kept", "of others does not use silence"),
        ("x --detector people-v1 --logits", "of npvf does not use logits"),
        ("x --detector people-v1 --reader lavdf", "--reader is for detectors of others"),
        ("--detector people-v1", "'corpus' is missing"),
        ("x --detector a:b --from-scores s.csv", "give only one of"),
        ("x --from-scores s.csv --protocol synchrony", "does not use|from-scores"),
    ],
)
def test_what_does_not_fit_together_is_an_error(words: str, said: str) -> None:
    with pytest.raises(NpvfError, match=said):
        call(*words.split())


def test_a_prepared_corpus_is_not_for_detectors_of_others(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(NpvfError, match=r"look at video files. Name the videos as they are"):
        call(tmp_path, "--detector", FUNCTION)
