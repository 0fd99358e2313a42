import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from torch.nn.functional import normalize

from npvf.cli.evaluate import command as command
from npvf.cli.evaluate.tables import detection_table, manipulation_table, notes
from npvf.clip import Clip
from npvf.data.selection import Selection
from npvf.detect.predictor import Predictor
from npvf.detect.speech_detector import SpeechDetector
from npvf.errors import NpvfError
from npvf.evaluate.detection import detection_metrics_of, run_evaluation
from npvf.evaluate.results import CorpusRecord, Provenance, RunRecord, VideosRecord
from npvf.evaluate.row_metrics import MetricSettings, Refusal
from npvf.evaluate.sync import evaluate_synchrony
from npvf.evaluate.video_scores import Row, score_videos
from npvf.faces.speaking import energy_envelope
from npvf.io.corpus import Corpus
from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.detection import auc
from npvf.metrics.sync_protocol import Settings
from npvf.models import create_model
from tests.helpers.oracle import Oracle
from tests.helpers.tiny_corpus import blob_clip, write_corpus

QUICK = Bootstrap(50)


def evaluate_detection(
    corpus: Corpus, predictor: Predictor, refused: Refusal = "half"
) -> tuple[dict[str, Any], list[Row]]:
    """`metrics.json` of whole clips, and the rows."""
    found = run_evaluation(corpus, predictor, silence="kept", settings=MetricSettings(refused, QUICK))
    return found.report.to_json(), found.scores.rows


def line(video: str, label: int | None, **more: Any) -> dict[str, Any]:
    """A line of the manifest."""
    unknown = dict.fromkeys(("reason", "manipulation", "identity", "original", "split"))
    return {"video": video, "label": label, "status": "prepared", "sha256": video, "identities": [], **unknown, **more}


def make_corpus(folder: Path, lines: list[dict[str, Any]], clips: list[Clip]) -> Corpus:
    write_corpus(folder, clips)
    (folder / "manifest.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    return Corpus(folder)


def piece(video: str, number: int, seconds: float, speaker: bool = True, track: int = 0) -> Clip:
    clip = blob_clip(video, seed=number, frames=round(25 * seconds))
    clip.meta.key = f"{video}-t{track}-{number:03d}"
    clip.meta.is_speaker = speaker
    return clip


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Three reals and four fakes; of each class one was refused."""
    lines = [
        line("r0", 0, identity="ann"),
        line("r1", 0, identity="bob"),
        line("r2", 0, identity="cem", status="refused", reason="no_face"),
        line("f0", 1, identity="ann", manipulation="swap", original="r0"),
        line("f1", 1, identity="bob", manipulation="swap", original="r1"),
        line("f2", 1, identity="dan", manipulation="shift", status="refused", reason="no_audio"),
        line("f3", 1, identity="eva", manipulation="shift"),
        line("u0", None, identity="eva"),
    ]
    videos = [entry["video"] for entry in lines if entry["status"] == "prepared"]
    return make_corpus(tmp_path / "corpus", lines, [piece(video, 0, 1.0) for video in videos])


ORACLE = Oracle({"r0-t0-000": 0.2, "r1-t0-000": 0.6, "f0-t0-000": 0.9, "f1-t0-000": 0.4, "f3-t0-000": None})


def test_no_video_leaves_the_account_unseen(corpus: Corpus) -> None:
    report, rows = evaluate_detection(corpus, ORACLE)
    assert [row.video for row in rows] == ["r0", "r1", "r2", "f0", "f1", "f2", "f3"]
    assert (report["real"], report["fake"], report["judged_real"], report["judged_fake"]) == (3, 4, 2, 2)
    assert report["coverage"] == pytest.approx(4 / 7)
    assert report["reasons"] == {"no_face": 1, "no_audio": 1, "too_little_speech": 1}
    assert report["unlabelled"] == 1
    assert report["auc"] == auc([0.2, 0.6, 0.9, 0.4], [0, 0, 1, 1])
    assert report["auc_all"] == auc([0.2, 0.6, 0.5, 0.9, 0.4, 0.5, 0.5], [0, 0, 0, 1, 1, 1, 1])
    assert {row.video: row.status for row in rows if row.score is None} == {
        "r2": "refused",
        "f2": "refused",
        "f3": "abstained",
    }


def test_refused_videos_can_count_as_errors(corpus: Corpus) -> None:
    worst, _ = evaluate_detection(corpus, ORACLE, refused="worst")
    assert worst["auc_all"] == auc([0.2, 0.6, 1.0, 0.9, 0.4, 0.0, 0.0], [0, 0, 0, 1, 1, 1, 1])
    dropped, _ = evaluate_detection(corpus, ORACLE, refused="drop")
    assert "auc_all" not in dropped and dropped["auc"] == worst["auc"]


def test_each_manipulation_is_measured_against_all_reals(corpus: Corpus) -> None:
    report, _ = evaluate_detection(corpus, ORACLE)
    swap, shift = report["by_manipulation"]["swap"], report["by_manipulation"]["shift"]
    assert (swap["real"], swap["fake"], swap["coverage"]) == (3, 2, 4 / 5)
    assert swap["auc"] == report["auc"]
    assert (shift["real"], shift["fake"], shift["judged_fake"]) == (3, 2, 0)
    assert "auc" not in shift and "0 fake videos were judged" in shift["missing"]


def test_a_video_has_the_score_of_its_most_suspicious_track_by_the_weighted_logits_of_its_pieces(
    tmp_path: Path,
) -> None:
    clips = [piece("f", 0, 3.0), piece("f", 1, 1.0), piece("f", 0, 1.0, speaker=False, track=1), piece("r", 0, 1.0)]
    corpus = make_corpus(tmp_path, [line("f", 1), line("r", 0)], clips)
    rows = score_videos(corpus, Oracle({"f-t0-000": 0.8, "f-t0-001": 0.4, "r-t0-000": 0.1})).rows
    assert rows[0].score == pytest.approx(expit(0.75 * logit(0.8) + 0.25 * logit(0.4)))
    assert (rows[0].clips, rows[0].verdict, rows[1].verdict) == (2, "fake", "real")
    partly = score_videos(corpus, Oracle({"f-t0-000": 0.8, "f-t0-001": None, "r-t0-000": 0.1})).rows
    assert partly[0].score == pytest.approx(0.8) and partly[0].status == "judged"


def test_selection_by_split_keeps_its_refused_videos(tmp_path: Path) -> None:
    lines = [
        line("a", 0, split="test"),
        line("b", 1, split="test"),
        line("c", 1, split="train"),
        line("d", 0, split="test", status="refused", reason="no_face"),
    ]
    corpus = make_corpus(tmp_path, lines, [piece(v, 0, 1.0) for v in "abc"])
    rows = score_videos(corpus, Oracle({"a-t0-000": 0.1, "b-t0-000": 0.9}), Selection(label="known", split="test")).rows
    assert [row.video for row in rows] == ["a", "b", "d"]


def test_a_file_counts_once_and_has_one_label(tmp_path: Path) -> None:
    clips = [piece(v, 0, 1.0) for v in "abc"]
    said = Oracle({"a-t0-000": 0.1, "b-t0-000": 0.9, "c-t0-000": 0.9})
    corpus = make_corpus(tmp_path / "same", [line("a", 0), line("b", 1), line("c", 1, sha256="b")], clips)
    report, rows = evaluate_detection(corpus, said)
    assert rows[2].status == "duplicate" and rows[2].reason == "same file as b"
    assert (report["fake"], report["duplicates"], report["coverage"]) == (1, 1, 1.0)
    corpus = make_corpus(tmp_path / "clash", [line("a", 0), line("b", 1), line("c", 0, sha256="b")], clips)
    with pytest.raises(NpvfError, match="b and c are the same file with different labels"):
        evaluate_detection(corpus, said)


def test_what_cannot_be_measured_is_an_error(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(NpvfError, match="no labelled video"):
        score_videos(corpus, ORACLE, Selection(label="known", split="nowhere"))
    broken = Oracle({**ORACLE.probabilities, "r0-t0-000": float("nan")})
    with pytest.raises(NpvfError, match="oracle returned nan for r0-t0-000"):
        score_videos(corpus, broken)
    silent = Oracle(dict.fromkeys(ORACLE.probabilities))
    with pytest.raises(NpvfError, match="0 real and 0 fake videos were judged"):
        evaluate_detection(corpus, silent)


def test_groups_are_people_where_known_else_source_videos() -> None:
    def row(video: str, label: int, identity: str | None, original: str | None = None) -> Row:
        return Row(video, label, None, identity, original, video, "judged", "", 1, score=0.3 + 0.1 * label)

    rows = [row("r0", 0, "ann"), row("r1", 0, "bob"), row("f0", 1, "ann", "r0"), row("f1", 1, "bob", "r1")]
    quick = MetricSettings(bootstrap=QUICK)
    by_person = detection_metrics_of(rows, settings=quick)
    assert (by_person.group, by_person.groups) == ("identity", 2)
    by_video = detection_metrics_of(rows, group="video", settings=quick)
    assert (by_video.group, by_video.groups) == ("video", 2)  # a forgery stays with its original
    rows[0].identity = None
    assert detection_metrics_of(rows, settings=quick).group == "video"
    with pytest.raises(NpvfError, match="1 of 4 videos have no identity"):
        detection_metrics_of(rows, group="identity")


def talking_clip(video: str, seed: int, frames: int = 75, late: int = 0, **meta: object) -> Clip:
    """Lips that open with the loudness of the sound."""
    clip = blob_clip(video, seed, frames, **meta)
    face_N2 = np.random.default_rng(0).uniform(20, 200, (478, 2)).astype(np.float32)
    opening_T = np.roll(energy_envelope(clip.audio_N), -late)
    opening_T = (opening_T - opening_T.min()) / np.ptp(opening_T)
    clip.landmarks_TN2 = np.tile(face_N2, (frames, 1, 1))
    upper, lower = [82, 13, 312], [87, 14, 317]
    clip.landmarks_TN2[:, lower] = clip.landmarks_TN2[:, upper]
    clip.landmarks_TN2[:, lower, 1] += 20 * opening_T[:, None]
    return clip


def embed_energy(clip: Clip) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A perfect model: both streams are the sound's level as a one-hot vector."""
    level_T = np.digitize(energy_envelope(clip.audio_N), np.linspace(-60, 0, 64))
    stream_TD = normalize(torch.eye(65)[level_T] + 0.01, dim=-1)
    return stream_TD, stream_TD, torch.ones(clip.frames, dtype=torch.bool)


@pytest.fixture(scope="module")
def talkers(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    names = [f"v{i}" for i in range(8)]
    clips = [talking_clip(name, i, identity=name, label=0) for i, name in enumerate(names)]
    clips += [talking_clip("again", 0, label=0), talking_clip("forged", 20, label=1)]
    lines = [line(name, 0, identity=name) for name in names]
    lines += [line("again", 0, sha256="v0"), line("forged", 1), line("none", 0, status="refused", reason="no_face")]
    return make_corpus(tmp_path_factory.mktemp("talkers"), lines, clips)


@pytest.mark.slow
def test_synchrony_of_a_model_and_of_the_baseline(talkers: Corpus) -> None:
    settings = Settings(segments=16, bootstrap=QUICK)
    found, rows = evaluate_synchrony(talkers, embed_energy, settings=settings)
    report = found.to_json()
    assert (report["videos"], report["videos_refused"], report["videos_duplicate"]) == (10, 1, 1)
    assert report["coverage"] == pytest.approx(8 / 9)
    assert [row["video"] for row in rows] == [f"v{i}" for i in range(8)]  # neither the forged nor the twin
    assert {row["offset_model"] for row in rows} == {0}
    for column in ("model", "model_gated", "baseline", "baseline_change"):
        assert report[column]["clips"] == 8
        assert report[column]["sync_within_1"] == 1
        assert report[column]["swap_auc_other_identity"] > 0.9
    assert report["model"]["retrieval_r1"] == 1 and report["model"]["retrieval_chance"] == 1 / 16


@pytest.mark.slow
def test_synchrony_keeps_no_more_videos_in_memory_than_asked_for(talkers: Corpus) -> None:
    settings = Settings(segments=16, bootstrap=QUICK)
    found, rows = evaluate_synchrony(talkers, embed_energy, settings=settings, max_videos=3)
    report = found.to_json()
    assert len(rows) == 3 and report["videos_beyond_limit"] == 5
    assert report["coverage"] == pytest.approx(3 / 4) and report["videos_duplicate"] == 1
    again = evaluate_synchrony(talkers, embed_energy, settings=settings, max_videos=3)[1]
    assert [row["video"] for row in again] == [row["video"] for row in rows]


@pytest.mark.slow
def test_the_baseline_alone_needs_no_model(talkers: Corpus) -> None:
    report, _ = evaluate_synchrony(talkers, None, settings=Settings(bootstrap=QUICK))
    assert set(report.columns) == {"baseline", "baseline_change"}
    with pytest.raises(NpvfError, match="no clip for the synchrony protocol"):
        evaluate_synchrony(talkers, None, Selection(label="unforged", split="nowhere"))


def run_command(*words: object) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


@pytest.mark.slow
def test_command_writes_metrics_and_scores(talkers: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(talkers.folder, "--out", tmp_path, "--bootstrap", 20, "--segments", 16, "--seed", 3) == 0
    printed = capsys.readouterr().out
    assert "retrieval R@1" in printed and "8 groups" in printed and "the intervals are too narrow" in printed
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["seed"] == 3 and written["baseline"]["segments"] == 16
    with (tmp_path / "scores.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 8
    assert run_command(talkers.folder, "--out", tmp_path, "--bootstrap", 20, "--json") == 0
    assert json.loads(capsys.readouterr().out)["protocol"] == "synchrony"
    page = (tmp_path / "report.html").read_text()
    assert "baseline, change" in page and "chance 0.0" in page and written["provenance"]["videos"]["count"] == 10


@pytest.mark.slow
def test_command_measures_a_model_folder_both_ways(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    detector = SpeechDetector(create_model("npv_nano")).save_pretrained(tmp_path / "detector")
    clips = [talking_clip(f"v{i}", i, 50) for i in range(4)]
    corpus = make_corpus(tmp_path / "corpus", [line(f"v{i}", i % 2, manipulation="swap") for i in range(4)], clips)
    words = ("--out", tmp_path, "--bootstrap", 20)
    assert run_command(corpus.folder, "--detector", detector, *words) == 0
    assert "all" in capsys.readouterr().out
    with (tmp_path / "scores.csv").open() as file:
        assert all(0 <= float(row["score"]) <= 1 for row in csv.DictReader(file))
    assert run_command(corpus.folder, "--pretrained", detector, *words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["model"]["clips"] == 2  # the real ones
    assert run_command(corpus.folder, "--pretrained", detector, "--protocol", "detection", "--gate", "all", *words) == 0
    assert "all fakes" in capsys.readouterr().out


def test_a_detector_keeps_its_gate(talkers: Corpus, tmp_path: Path) -> None:
    with pytest.raises(NpvfError, match="the gate that it was trained with"):
        run_command(talkers.folder, "--detector", tmp_path, "--gate", "all")


def test_command_wants_a_detector_for_detection(talkers: Corpus) -> None:
    with pytest.raises(NpvfError, match="--detector"):
        run_command(talkers.folder, "--protocol", "detection")


def test_tables_have_a_row_a_manipulation_the_worst_first_and_those_of_training_apart(corpus: Corpus) -> None:
    settings = MetricSettings(bootstrap=QUICK, seen=frozenset({"shift", "blend"}))
    report = run_evaluation(corpus, ORACLE, silence="kept", settings=settings).report
    table = detection_table(report)
    assert [column.header for column in table.columns] == [
        "metric",
        "all fakes",
        "not seen in training",
        "seen in training",
    ]
    judged = [list(column.cells)[:2] for column in table.columns[1:]]
    assert judged == [["2 of 3", "2 of 4"], ["2 of 3", "2 of 2"], ["2 of 3", "0 of 2"]]
    assert report.main.seen == ["shift"] and list(report.main.by_manipulation) == ["shift", "swap"]  # no fake judged
    kinds, fakes, *_ = (list(column.cells) for column in manipulation_table(report).columns)
    assert (kinds, fakes) == (["swap", "seen in training:", "shift"], ["2 of 2", "", "0 of 2"])
    nothing = Provenance({}, "", CorpusRecord("", "", "", {}), VideosRecord(0, ""), None)
    text = "\n".join(notes(report, RunRecord("", "", "", 50, 0, {}, nothing)))
    assert "1 no_face" in text and "unlabelled: 1" in text
