"""The constant mask: fitted on other people, blind to pixels, in every table, and .50 where place is matched."""

import io
import json
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npvf.cli.main import main
from npvf.data.selection import Selection
from npvf.detect.localizer import Localizer
from npvf.errors import NpvfError
from npvf.evaluate.baselines.mask_prior import MaskPrior, prior_for
from npvf.evaluate.segmentation import evaluate_segmentation
from npvf.io.corpus import Corpus
from npvf.io.masks import write_masks
from npvf.metrics.bootstrap import Bootstrap
from npvf.metrics.pixels import PixelTally, best_mask_threshold
from tests.detect.test_localizer import tiny_stddl
from tests.helpers.masked_corpus import masked_clip
from tests.helpers.red_localizer import red_localizer
from tests.helpers.tiny_corpus import write_corpus
from tests.helpers.urls import in_store

pytestmark = pytest.mark.slow

QUICK = Bootstrap(n=20)
TESTED = Selection(label="known", split="test")


def clips_of(split: str, first: int) -> list:
    """Two genuine and three forged clips, one of them without a mask; a person each."""
    clips = []
    for i in range(first, first + 5):
        who = {"identity": f"p{i}", "identities": (f"p{i}",), "split": split, "source_size": (224, 224)}
        forged = i >= first + 2
        kind = {"manipulation": "patch"} if forged else {}
        clip = masked_clip(f"{split}{i}", i, forged, known=i < first + 4, **who, **kind)
        clips.append(replace(clip, meta=replace(clip.meta, source_sha256=str(i))))
    return clips


@pytest.fixture(scope="module")
def clips() -> list:
    return [*clips_of("train", 0), *clips_of("test", 100)]


@pytest.fixture
def folder(tmp_path: Path, clips: list) -> Path:
    corpus = write_corpus(tmp_path / "corpus", clips)
    path = corpus / "manifest.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line, clip in zip(lines, clips, strict=True):
        line |= {"frames": clip.frames, "mask_path": None}
        if clip.mask_THW is not None:
            write_masks(tmp_path / f"{clip.meta.video}.mask.npz", clip.mask_THW)
            line["mask_path"] = str(tmp_path / f"{clip.meta.video}.mask.npz")
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return corpus


def test_it_is_the_mean_mask_of_the_training_forgeries_and_its_threshold_the_best(folder: Path, clips: list) -> None:
    prior = MaskPrior.fit(Corpus(folder), Selection(split="train"))
    masks = [clip.mask_THW for clip in clips[:5] if clip.mask_THW is not None]
    mean = np.mean([mask_THW[mask_THW.any((1, 2))].mean(0) for mask_THW in masks], axis=0)
    np.testing.assert_array_equal(prior.mask_HW, np.rint(255 * mean))
    assert prior.fitted_on == {"corpus": str(folder), "forged_clips": 2, "genuine_clips": 2, "people": 2}
    tally = PixelTally()
    for mask_THW in [*masks, *(np.zeros_like(masks[0]) for _ in range(2))]:
        for mask_HW in mask_THW:
            tally.add(prior.mask_HW, mask_HW)
    by_bins = best_mask_threshold([tally])
    marked = prior.mask_HW >= 255 * prior.settings.mask_threshold
    np.testing.assert_array_equal(marked, prior.mask_HW >= 255 * by_bins)
    assert marked.any() and 0 < prior.settings.genuine_area < 1 and prior.settings.genuine_faces == 2


def test_it_says_the_same_of_every_face(folder: Path, clips: list, tmp_path: Path) -> None:
    prior = MaskPrior.fit(Corpus(folder), Selection(split="train"))
    loaded = MaskPrior.from_pretrained(prior.save_pretrained(tmp_path / "prior"))
    assert loaded.settings == prior.settings and loaded.fitted_on == prior.fitted_on
    black = replace(clips[5], face_THWC=np.zeros_like(clips[5].face_THWC))
    for clip in (clips[5], black, clips[8]):
        found = loaded.localize(clip)
        assert all(np.array_equal(mask_HW, prior.mask_HW) for mask_HW in found.mask_Thw)
        assert not found.logit_T.any()
    assert [loaded.aggregate([score]).probability for score in loaded.score_clips(clips[:2])] == [0.5, 0.5]
    with pytest.raises(NpvfError, match=r"config\.json|no constant mask"):
        MaskPrior.from_pretrained(folder)


def test_nobody_who_is_tested_takes_part_in_the_fit(folder: Path, tmp_path: Path, clips: list) -> None:
    assert prior_for(None, Corpus(folder), TESTED).fitted_on["forged_clips"] == 2
    everybody = [*clips_of("any", 0)[:4], *clips[5:]]
    other = write_corpus(tmp_path / "other", everybody)  # without a training split: all of it, less the tested people
    assert prior_for(other, Corpus(folder), TESTED).fitted_on["forged_clips"] == 2
    assert prior_for(None, Corpus(other), TESTED) is None
    strangers = write_corpus(tmp_path / "tested", clips[5:])
    with pytest.raises(NpvfError, match="--prior-from"):
        prior_for(strangers, Corpus(folder), TESTED)


def test_it_stands_beside_a_localizer_and_has_a_half_where_place_is_matched(folder: Path) -> None:
    corpus = Corpus(folder)
    prior = prior_for(None, corpus, TESTED)
    alone = evaluate_segmentation(corpus, red_localizer(), TESTED, bootstrap=QUICK)[0].to_json()
    found, rows = evaluate_segmentation(corpus, red_localizer(), TESTED, bootstrap=QUICK, prior=prior)
    itself = evaluate_segmentation(corpus, prior, TESTED, bootstrap=QUICK)[0].to_json()
    report = found.to_json()
    assert (report["video"], report["pixel"]) == (alone["video"], alone["pixel"]) and "prior" not in alone
    beside = report["prior"]
    assert beside["placed_auc"] == 0.5 and beside["auc"] > 0.9 and beside["iou"] > 0.5
    assert beside["genuine_area"] > 0 and report["prior_mask"]["fitted_on"]["forged_clips"] == 2
    assert (itself["pixel"], itself["video"]["auc"]) == (beside, 0.5)
    assert report["by_manipulation"]["patch"]["prior"]["placed_auc"] == 0.5
    genuine = [row.marked for row in rows if row.label == 0]
    assert report["pixel"]["genuine_area"] == pytest.approx(np.mean(genuine))


def test_the_command_measures_it_and_keeps_it(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def evaluate(*words: object) -> tuple[str, dict]:
        out = tmp_path / "out"
        with redirect_stdout(io.StringIO()) as printed:
            assert (
                main(
                    [
                        "evaluate",
                        str(folder),
                        "--split",
                        "test",
                        "--bootstrap",
                        "0",
                        "--out",
                        str(out),
                        *map(str, words),
                    ]
                )
                == 0
            )
        return " ".join(printed.getvalue().split()), json.loads((out / "metrics.json").read_text())

    said, report = evaluate("--localizer", "prior")
    assert "place-matched" in said and "2 forged clips of 2 other people" not in said  # nothing stands beside itself
    Localizer(tiny_stddl()).save_pretrained(tmp_path / "stddl")
    beside, _ = evaluate("--localizer", tmp_path / "stddl")
    assert "the constant mask" in beside and "2 forged clips of 2 other people" in beside
    assert "the constant mask" in (tmp_path / "out" / "report.html").read_text()
    assert report["localizer"] == "prior" and report["provenance"]["model"] is None
    again = evaluate("--localizer", "prior", "--prior-from", tmp_path / "out" / "prior")[1]
    assert again["pixel"] == report["pixel"]
    assert evaluate("--localizer", "prior", "--prior-from", in_store(folder))[1]["pixel"] == report["pixel"]
    lines = [json.loads(line) | {"split": "test"} for line in (folder / "manifest.jsonl").read_text().splitlines()]
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["evaluate", str(folder), "--localizer", "prior", "--out", str(tmp_path / "none")]) == 2
    assert "--prior-from" in capsys.readouterr().err
