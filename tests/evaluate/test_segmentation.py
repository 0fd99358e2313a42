import csv
import io
import json
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from npvf.cli.main import main
from npvf.clip import Clip
from npvf.detect.localizer import Localizer
from npvf.errors import NpvfError
from npvf.evaluate.segmentation import evaluate_segmentation
from npvf.io.corpus import Corpus
from npvf.io.masks import write_masks
from npvf.metrics.bootstrap import Bootstrap
from tests.helpers.red_localizer import red_at, red_localizer, tiny_stddl
from tests.helpers.tiny_corpus import blob_clip, write_corpus

MOUTH = (slice(140, 180), slice(84, 140))
NOTHING = (slice(0, 0), slice(0, 0))
FRAMES = 30
QUICK = Bootstrap(n=50)


def clip(video: str, label: int, red: tuple[slice, slice], **meta: object) -> Clip:
    found = red_at(blob_clip(video, 1, frames=FRAMES), red)
    said = {"label": label, "identity": f"p-{video[0]}", "source_sha256": video, "source_size": (224, 224), **meta}
    return replace(found, meta=replace(found.meta, key=f"{video}-t{said.get('track', 0)}-000", **said))


def mask(folder: Path, video: str, place: tuple[slice, slice], frames: int = FRAMES) -> str:
    masks_THW = np.zeros((frames, 224, 224), bool)
    masks_THW[(slice(None), *place)] = True
    write_masks(folder / f"{video}.mask.npz", masks_THW)
    return str(folder / f"{video}.mask.npz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two reals, one with a red face; a found forgery, a missed one, one of the sound, and one without a mask."""
    clips = [
        clip("a0", 0, NOTHING),
        clip("b0", 0, (slice(100, 140), slice(100, 140))),
        clip("a1", 1, MOUTH, manipulation="mouth"),
        clip("b1", 1, NOTHING, manipulation="mouth"),
        clip("c1", 1, NOTHING, manipulation="sound"),
        clip("d1", 1, MOUTH, manipulation="swap"),
    ]
    write_corpus(tmp_path / "corpus", clips)
    path = tmp_path / "corpus" / "manifest.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        # The video is a little longer than its face stays.
        line |= {"frames": FRAMES + 2, "audio_label": None, "video_label": None, "mask_path": None}
        if line["video"] in ("a1", "b1"):
            line["mask_path"] = mask(tmp_path, line["video"], MOUTH, FRAMES + 2)
        if line["video"] == "c1":
            line |= {"audio_label": 1, "video_label": 0}
    refused = lines[0] | {"video": "x0", "status": "refused", "reason": "no_face", "clips": [], "sha256": "x"}
    path.write_text("".join(json.dumps(line) + "\n" for line in [*lines, refused]))
    return tmp_path / "corpus"


@pytest.mark.slow
def test_a_forgery_is_compared_with_its_own_original_too(folder: Path) -> None:
    without = evaluate_segmentation(Corpus(folder), red_localizer(), bootstrap=QUICK)[0].to_json()["video"]
    assert "auc_within_originals" not in without
    path = folder / "manifest.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    originals = {"a1": "a0", "b1": "b0", "d1": "gone"}  # a1 lies above a0, b1 below b0, of d1 there is no original
    path.write_text("".join(json.dumps(line | {"original": originals.get(line["video"])}) + "\n" for line in lines))
    found, _ = evaluate_segmentation(Corpus(folder), red_localizer(), bootstrap=QUICK)
    report = found.to_json()
    assert report["video"]["auc_within_originals"] == 0.5 and report["video"]["pairs_within_originals"] == 2
    assert 0.0 <= report["video"]["auc_within_originals_ci"][0] < report["video"]["auc_within_originals_ci"][1] <= 1.0
    assert "auc_within_originals" not in report["by_manipulation"]["swap"]["video"]


@pytest.mark.slow
def test_videos_and_pixels_are_measured_and_what_is_not_is_counted(folder: Path) -> None:
    found, rows = evaluate_segmentation(Corpus(folder), red_localizer(), bootstrap=QUICK)
    report = found.to_json()
    by_video = {row.video: row for row in rows}
    assert [by_video[v].label for v in ("a0", "b0", "c1", "a1", "b1", "d1", "x0")] == [0, 0, 0, 1, 1, 1, 0]
    assert by_video["x0"].status == "refused" and report["reasons"] == {"no_face": 1}
    video, pixel = report["video"], report["pixel"]
    assert (video["judged_real"], video["judged_fake"], video["coverage"]) == (3, 3, pytest.approx(6 / 7))
    scores = [by_video[v].score for v in ("a0", "b0", "c1", "a1", "b1", "d1")]
    labels = [0, 0, 0, 1, 1, 1]
    assert video["auc"] == pytest.approx(roc_auc_score(labels, scores))
    assert video["f1"] == pytest.approx(f1_score(labels, np.array(scores) >= 0.5))
    assert (pixel["videos"], pixel["forged_videos"], pixel["without_mask"]) == (5, 2, 1)
    assert (pixel["frames"], pixel["forged_frames"], pixel["genuine_frames"]) == (160, 64, 96)


@pytest.mark.slow
def test_the_figures_are_those_of_full_frames(folder: Path) -> None:
    found, rows = evaluate_segmentation(Corpus(folder), red_localizer(), bootstrap=QUICK)
    report = found.to_json()
    by_video = {row.video: row for row in rows}
    iou = by_video["a1"].pixels["iou"]
    # Rounding of the mask costs its edge; in two of 32 frames there is no face to look at.
    assert 0.85 < iou < 30 / 32 and by_video["b1"].pixels["iou"] == 0.0
    assert report["pixel"]["iou"] == pytest.approx((iou + 0.0) / 2)
    assert by_video["b0"].pixels["fpr"] == pytest.approx(30 / 32 * 1600 / 224**2, rel=0.15)
    assert by_video["a0"].pixels == {"fpr": 0.0, "fpr_genuine": 0.0}
    assert report["pixel"]["fpr_genuine"] == pytest.approx(by_video["b0"].pixels["fpr"] / 3)
    assert set(report["pixel"]) >= {"auc", "auc_ci", "f1", "iou_ci", "fpr", "auc_pooled", "iou_pooled", "auc_error"}


@pytest.mark.slow
def test_each_kind_stands_against_all_reals(folder: Path) -> None:
    kinds = evaluate_segmentation(Corpus(folder), red_localizer(), bootstrap=QUICK)[0].to_json()["by_manipulation"]
    assert set(kinds) == {"mouth", "swap"}
    assert kinds["mouth"]["video"]["judged_real"] == 3 and kinds["mouth"]["pixel"]["forged_videos"] == 2
    assert kinds["swap"]["pixel"]["forged_videos"] == 0 and "auc" not in kinds["swap"]["pixel"]
    assert kinds["swap"]["video"]["auc"] > 0.8


def test_every_face_of_a_video_is_looked_at(tmp_path: Path) -> None:
    speaker = clip("a1", 1, NOTHING)
    other = clip("a1", 1, MOUTH, track=1, is_speaker=False)
    corpus = write_corpus(tmp_path / "c", [speaker, other, clip("b0", 0, NOTHING)])
    path = corpus / "manifest.jsonl"
    lines = [json.loads(line) | {"frames": FRAMES} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines[1:]))
    _, (forged, real) = evaluate_segmentation(Corpus(corpus), red_localizer(), bootstrap=QUICK)
    assert (forged.faces, forged.clips) == (2, 2) and forged.score > real.score + 0.1


@pytest.mark.slow
def test_a_mask_that_is_gone_is_said(folder: Path) -> None:
    (folder.parent / "a1.mask.npz").unlink()
    found, rows = evaluate_segmentation(Corpus(folder), red_localizer(), bootstrap=QUICK)
    report = found.to_json()
    (row,) = (row for row in rows if row.video == "a1")
    assert row.score is not None and "bad_mask" in row.reason and report["pixel"]["without_mask"] == 2


def test_one_class_is_an_error(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "c", [clip("a0", 0, NOTHING)])
    path = corpus / "manifest.jsonl"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"frames": FRAMES}) + "\n")
    with pytest.raises(NpvfError, match="1 real and 0 fake"):
        evaluate_segmentation(Corpus(corpus), red_localizer(), bootstrap=QUICK)


@pytest.mark.slow
def test_the_command_measures_a_localizer(folder: Path, tmp_path: Path) -> None:
    Localizer(tiny_stddl()).save_pretrained(tmp_path / "stddl")
    words = ["evaluate", folder, "--localizer", tmp_path / "stddl", "--bootstrap", 20, "--out", tmp_path / "out"]
    with redirect_stdout(io.StringIO()) as out:
        assert main([*map(str, words)]) == 0
    assert "IoU" in out.getvalue() and "without a known mask" in " ".join(out.getvalue().split())
    report = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert report["protocol"] == "segmentation" and report["pixel"]["forged_frames"] == 64
    assert "model.safetensors" in report["provenance"]["model"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Which pixels are forged?" in page and "IoU of the masks" in page and "1 no_face" in page
    with (tmp_path / "out" / "scores.csv").open(newline="") as file:
        rows = {row["video"]: row for row in csv.DictReader(file)}
    assert rows["a1"]["pixel_iou"] and not rows["d1"]["pixel_iou"] and rows["x0"]["reason"] == "no_face"


def test_a_localizer_and_a_detector_are_not_measured_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", str(folder), "--localizer", "l", "--protocol", "synchrony"]
    assert main(words) == 2
    assert "a localizer allows no other protocol" in capsys.readouterr().err
