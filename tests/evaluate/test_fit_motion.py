import json
from pathlib import Path

import pytest

from npvf.cli.main import main
from npvf.data.selection import Selection
from npvf.detect.loading import from_pretrained
from npvf.detect.mouth_motion import MouthMotionDetector
from npvf.errors import NpvfError
from npvf.evaluate.fit_motion import collect_mouths, fit_motion, held_out_generators
from npvf.io.corpus import Corpus
from npvf.models import MouthMotion, create_model
from tests.helpers.mouths import mouth_clip
from tests.helpers.tiny_corpus import blob_clip, write_corpus
from tests.helpers.urls import in_store


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    people = [mouth_clip(f"real{n}", n, drawn=False) for n in range(8)]
    drawn = [mouth_clip(f"fake{n}", 20 + n, drawn=True, manipulation=("gan", "nerf")[n % 2]) for n in range(6)]
    return write_corpus(tmp_path_factory.mktemp("mouths"), [*people, *drawn, blob_clip("still", 40, label=0)])


def empty_model() -> MouthMotion:
    model = create_model("mouth_motion")
    assert isinstance(model, MouthMotion)
    return model


@pytest.mark.slow
def test_each_generator_is_found_by_a_model_that_has_not_seen_it(folder: Path) -> None:
    found = collect_mouths([Corpus(folder)], MouthMotionDetector(empty_model()), Selection(label="known"))
    assert len(found.items) == 14
    assert found.left_out == {"too short, or the mouth hardly moves": 1}
    rows = held_out_generators(found.items, repeats=2)
    assert {row["generator"]: row["clips"] for row in rows} == {"gan": 3, "nerf": 3}
    assert min(row["auc_lowest"] for row in rows) == 1.0


def test_both_genuine_and_generated_mouths_are_needed(folder: Path) -> None:
    found = collect_mouths([Corpus(folder)], MouthMotionDetector(empty_model()), Selection(label="real"))
    with pytest.raises(NpvfError, match="both genuine and generated"):
        fit_motion(empty_model(), found.items)


@pytest.mark.slow
def test_the_command_writes_a_detector_that_can_be_opened(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["motion", in_store(folder), "--out", str(tmp_path / "motion"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["genuine"], record["people"], record["generated"]) == (8, 8, 6)
    detector = from_pretrained(tmp_path / "motion")
    drawn = detector.score_clip(mouth_clip("new", 50, drawn=True))
    person = detector.score_clip(mouth_clip("other", 51, drawn=False))
    assert min(drawn.logits) > max(person.logits)
    assert main(["motion", str(folder), "--out", str(tmp_path / "motion")]) == 2
