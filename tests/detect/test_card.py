"""A model card says what is recorded in the folder, and that nothing is recorded where nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from npvf.cli.main import main
from npvf.detect.card import NOT_RECORDED, card_text, update_card
from npvf.detect.fused import FusedDetector
from npvf.detect.localizer import Localizer
from npvf.detect.speech_detector import SpeechDetector
from npvf.errors import NpvfError
from npvf.weights import CARD
from tests.helpers.red_localizer import tiny_stddl
from tests.helpers.shipped_weights import tiny_lips

RECORDS = {
    "summary": "Compares lips and audio.",
    "intended_use": ["to look at a video, not to convict anybody"],
    "data": [
        {"name": "GRID", "licence": "CC BY 4.0", "use": "training", "people": 17, "clips": 300, "link": "https://x.org"}
    ],
    "protocol": "Nobody is in two sets.",
    "languages": ["English"],
    "limits": ["videos smaller than 64 pixels"],
}
METRICS = {
    "protocol": "detection",
    "name": "strangers",
    "command": "npvf evaluate --config runs/strangers/config.yaml",
    "provenance": {},
    "judged_real": 40,
    "judged_fake": 60,
    "auc": 0.91,
    "auc_ci": [0.85, 0.95],
    "fpr": 0.05,
    "fpr_ci": None,
    "by_manipulation": {"lip_sync": {"judged_real": 40, "judged_fake": 30, "auc": 0.8, "auc_ci": [0.7, 0.9]}},
    "by_attribute": {"source": {"parts": {"phones": {"judged_real": 30, "fpr": 1 / 15}, "studio": {"judged_real": 0}}}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return SpeechDetector(tiny_lips()).save_pretrained(tmp_path / "mine", training={"steps": 7})


def write(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ")[0].strip()


def test_a_new_folder_has_a_card_that_claims_nothing(folder: Path) -> None:
    text = (folder / CARD).read_text()
    assert text.startswith(f"# mine\n\n{NOT_RECORDED}\n")
    for title in ("Intended use", "Data", "Protocol", "Figures", "False alarms by source", "Limits", "Languages"):
        assert section(text, title) == NOT_RECORDED
    assert "| npv_lips | " in section(text, "Networks") and "| steps: 7 |" in section(text, "Networks")


def test_records_are_written_to_the_folder_and_the_detector_stays_the_same(folder: Path, tmp_path: Path) -> None:
    before = SpeechDetector.from_pretrained(folder).settings
    update_card(folder, write(tmp_path / "card.yaml", RECORDS))
    text = (folder / CARD).read_text()
    assert "| [GRID](https://x.org) | CC BY 4.0 | training | 17 | 300 |  |" in text
    assert section(text, "Languages") == "English"
    assert section(text, "Limits") == "- videos smaller than 64 pixels"
    assert section(text, "Figures") == NOT_RECORDED
    assert json.loads((folder / "config.json").read_text())["card"] == RECORDS
    assert SpeechDetector.from_pretrained(folder).settings == before


def test_figures_come_from_an_evaluation_with_their_intervals(folder: Path, tmp_path: Path) -> None:
    metrics = write(tmp_path / "metrics.json", METRICS)
    for _ in range(2):  # the second time replaces the first
        update_card(folder, metrics)
    figures = section(card_text(folder), "Figures")
    assert figures.count("| strangers | AUC | 0.910 | [0.850, 0.950] | 100 |") == 1
    assert "| strangers: lip_sync | AUC | 0.800 | [0.700, 0.900] | 70 |" in figures
    assert "    npvf evaluate --config runs/strangers/config.yaml" in figures
    alarms = section(card_text(folder), "False alarms by source")
    assert "| strangers: phones | 30 | 2 | 0.067 | [0.018, 0.213] |" in alarms and "studio" not in alarms
    update_card(folder, write(tmp_path / "more.yaml", METRICS | {"name": "others", "by_attribute": {}}))
    assert "| strangers: phones |" in card_text(folder) and "| others | 40 | 2 | 0.050 |" in card_text(folder)


def test_synchrony_has_figures_too(folder: Path, tmp_path: Path) -> None:
    columns = {"model": {"swap_auc": 0.96, "swap_auc_ci": [0.9, 0.99], "swap_auc_n": 53}}
    metrics = {"protocol": "synchrony", "name": "wild", "command": "c", "provenance": {}} | columns
    update_card(folder, write(tmp_path / "m.json", metrics))
    assert "| wild | AUC, swapped audio | 0.960 | [0.900, 0.990] | 53 |" in card_text(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"sumary": "x"}, "sumary.*its sections: summary"),
        ({"data": [{"name": "GRID"}]}, "licence"),
        ({"data": ["GRID"]}, "not those of a model card"),
        ([1], "no sections"),
        ({"protocol": "segmentation", "provenance": {}, "name": "", "command": ""}, "detection and synchrony"),
    ],
)
def test_other_records_are_refused_and_nothing_changes(
    content: object, message: str, folder: Path, tmp_path: Path
) -> None:
    before = (folder / "config.json").read_text()
    with pytest.raises(NpvfError, match=message):
        update_card(folder, write(tmp_path / "card.yaml", content))
    assert (folder / "config.json").read_text() == before


def test_a_detector_of_several_parts_lists_their_networks(tmp_path: Path) -> None:
    detector = FusedDetector(SpeechDetector(tiny_lips()), Localizer(tiny_stddl()))
    text = (detector.save_pretrained(tmp_path / "both") / CARD).read_text()
    assert "| picture | stddl_nano |" in text and "| speech | npv_lips |" in text


def test_the_command_prints_the_card_and_adds_records(
    folder: Path, tmp_path: Path, some_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "card"]) == 0
    assert capsys.readouterr().out.startswith("# people-v1\n")
    card = write(tmp_path / "card.yaml", RECORDS)
    assert main(["models", "card", str(folder), "--update", str(card)]) == 0
    assert "Compares lips and audio." in capsys.readouterr().out
    assert main(["models", "card", str(folder), "--update", str(tmp_path / "absent")]) == 2
    assert "cannot be read" in capsys.readouterr().err
