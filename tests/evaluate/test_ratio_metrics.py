from pathlib import Path

import numpy as np
import pytest

from npvf.clip import FAKE, REAL
from npvf.detect.detector import Detector
from npvf.evaluate.detection import run_evaluation
from npvf.evaluate.plots import series_of, write_plots
from npvf.evaluate.ratio_metrics import ratio_metrics, ratios_of
from npvf.evaluate.row_metrics import MetricSettings
from npvf.io.corpus import Corpus
from npvf.metrics.bootstrap import Bootstrap
from tests.helpers.findings import SUPPORTED, Told, moving_clip
from tests.helpers.tiny_corpus import write_corpus

pytestmark = pytest.mark.slow


@pytest.fixture
def found(tmp_path: Path):
    """Four genuine and four forged videos; of each one the sound does not fit."""
    clips = []
    for n in range(4):
        for label, video in ((REAL, f"r{n}"), (FAKE, f"f{n}")):
            clips.append(moving_clip(video, n, label=label, identity=f"p{n}", source_sha256=video))
    parts = {
        "sound_and_lips": Told(-2.0, every_face=False, r0=6.0, f0=6.0),
        "mouth_motion": Told(-1.0, f1=7.0, f2=8.0, f3=0.5, r3=0.2),
    }
    detector = Detector(parts, dict.fromkeys(parts, SUPPORTED))
    settings = MetricSettings(bootstrap=Bootstrap(0), threshold=detector.settings.threshold)
    return run_evaluation(Corpus(write_corpus(tmp_path / "c", clips)), detector, silence="kept", settings=settings)


def test_a_mismatch_is_counted_and_is_not_called_fake(found) -> None:
    report = found.report.to_json()
    assert report["mismatches"] == {"real": 1, "fake": 1}
    assert (report["fpr"], report["tpr"]) == (0.0, 0.5)
    verdicts = {row.video: row.verdict for row in found.scores.rows}
    assert verdicts["r0"] == verdicts["f0"] == "mismatch" and verdicts["f1"] == "fake" and verdicts["r1"] == "real"


def test_ratios_of_the_whole_and_of_each_finding_that_is_evidence(found) -> None:
    ratios = ratios_of(found.scores.rows)
    assert set(ratios) == {"video", "mouth_motion"}
    metrics = ratio_metrics(ratios)
    assert (metrics["video"].real, metrics["video"].fake) == (4, 4)
    assert metrics["video"].misleading_real == 0.25 and metrics["video"].misleading_fake == 0.25
    assert metrics["mouth_motion"].cllr_min <= metrics["mouth_motion"].cllr
    assert ratios["mouth_motion"][0].max() == pytest.approx(2 * np.log(10))  # bounded, the whole is not
    assert ratios["video"][0].max() == pytest.approx(8.0)
    assert found.report.to_json()["likelihood_ratios"]["video"] == metrics["video"].to_json()


def test_the_tippett_curves_are_drawn_beside_the_others(found, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    paths = write_plots(series_of(found.kept, None), tmp_path, ratios_of(found.scores.rows))
    assert [path.stem for path in paths][-1] == "tippett" and b"mouth_motion" in paths[-1].read_bytes()
