"""A submission to the 1M-Deepfakes challenges: read back as the organisers describe its format."""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path

import pytest

from npvf.cli.evaluate import command as evaluate
from npvf.errors import NpvfError
from npvf.evaluate.codabench import write_submission
from npvf.evaluate.video_scores import NO_LABEL, Row, SegmentRow
from tests.helpers.labelled_videos import Teller, people_corpus


def row(video: str, score: float | None) -> Row:
    return Row(video, NO_LABEL, None, None, None, None, "judged", "", score=score)


def segment(video: str, start: float, score: float) -> SegmentRow:
    return SegmentRow(video, f"{video}-0", start, start + 0.96, NO_LABEL, score)


def read(path: Path) -> tuple[dict[str, float], dict[str, list[list[float]]]]:
    with zipfile.ZipFile(path) as file:
        lines = file.read("prediction.txt").decode().splitlines()
        spans = json.loads(file.read("prediction.json")) if "prediction.json" in file.namelist() else {}
    return {name: float(score) for name, score in (line.split(";") for line in lines)}, spans


def test_every_video_is_there_under_its_name_in_the_list(tmp_path: Path) -> None:
    rows = [row("test/000001.mp4", 0.25), row("test/000002.mp4", None)]
    forged = [segment("test/000001.mp4", 0.48 * k, 0.95 if k in (4, 5, 6) else 0.05) for k in range(12)]
    made = write_submission(tmp_path / "x.zip", rows, forged)
    scores, spans = read(tmp_path / "x.zip")
    assert scores == {"000001.mp4": 0.25, "000002.mp4": 0.5} and spans["000002.mp4"] == []
    confidence, start, end = spans["000001.mp4"][0]  # the best one first
    assert confidence > 0.5 and 1.4 < start < 2.6 and 2.8 < end < 4
    assert [one[0] for one in spans["000001.mp4"]] == sorted((one[0] for one in spans["000001.mp4"]), reverse=True)
    assert (made.videos, made.not_judged, made.proposals) == (2, 1, len(spans["000001.mp4"]))


def test_names_that_the_format_cannot_hold_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(NpvfError, match="the same name"):
        write_submission(tmp_path / "x.zip", [row("test/a.mp4", 0.1), row("val/a.mp4", 0.1)], None)
    with pytest.raises(NpvfError, match="contains a ';'"):
        write_submission(tmp_path / "x.zip", [row("a;b.mp4", 0.1)], None)


def call(*words: object) -> int:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(word) for word in words]))


@pytest.mark.slow
def test_a_detector_of_npvf_gives_scores_and_spans_of_unlabelled_videos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = people_corpus(tmp_path / "corpus")
    lines = [json.loads(line) for line in (corpus.folder / "manifest.jsonl").read_text().splitlines()]
    text = "".join(json.dumps(line | {"label": None}) + "\n" for line in lines)
    (corpus.folder / "manifest.jsonl").write_text(text)
    monkeypatch.setattr(evaluate, "_predictor", lambda settings: Teller(0.1))
    assert call(corpus.folder, "--detector", "told", "--codabench", tmp_path / "x.zip") == 0
    scores, spans = read(tmp_path / "x.zip")
    assert len(scores) == len(spans) == 26 and spans["p0-swap"] and scores["gone-real"] == 0.5
    assert "26 videos, 2 of them not judged" in capsys.readouterr().out


def test_scores_of_others_give_no_spans(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "scores.csv").write_text("video,score\ntest/a.mp4,0.125\ntest/b.mp4,nan\n")
    assert call("--from-scores", tmp_path / "scores.csv", "--codabench", tmp_path / "x.zip") == 0
    assert read(tmp_path / "x.zip") == ({"a.mp4": 0.125, "b.mp4": 0.5}, {})
    assert "no prediction.json" in capsys.readouterr().out
