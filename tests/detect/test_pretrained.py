"""One way in to everything that npvf saved."""

from pathlib import Path

import pytest

import npvf
from npvf.errors import NpvfError
from npvf.models import NPV


def test_an_encoder_and_a_detector_open_the_same_way(tiny_overrides: dict, tmp_path: Path) -> None:
    folder = NPV.create("npv_nano", **tiny_overrides).save_pretrained(tmp_path / "encoder")
    assert isinstance(npvf.from_pretrained(folder), NPV)
    assert isinstance(npvf.from_pretrained(), npvf.Detector)
    assert npvf.from_pretrained("silence").settings.name == "silence"


def test_a_network_alone_has_no_settings_of_a_verdict(tiny_overrides: dict, tmp_path: Path) -> None:
    folder = NPV.create("npv_nano", **tiny_overrides).save_pretrained(tmp_path / "encoder")
    with pytest.raises(NpvfError, match="network alone, which has no setting 'threshold'"):
        npvf.from_pretrained(folder, threshold=0.7)


def test_a_misspelt_name_is_answered_with_the_names() -> None:
    with pytest.raises(NpvfError, match=r"names that need no folder are .*people-v1.*silence"):
        npvf.from_pretrained("silense")
