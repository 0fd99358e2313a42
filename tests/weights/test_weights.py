"""Weights in the package: found by name wherever a folder is asked for. The tests make theirs, with tiny networks."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch

import npvf
from npvf import weights
from npvf.detect.detector import Detector
from npvf.detect.fused import FusedDetector
from npvf.detect.loading import from_pretrained, predictor_folder
from npvf.detect.localizer import Localizer
from npvf.detect.speech_detector import SpeechDetector
from npvf.errors import NpvfError
from npvf.models import NPV, STDDL, create_model
from npvf.models.pretrained import resolve_folder
from npvf.weights import CARD, DEFAULT, MAX_BYTES, shipped, shipped_folder
from tests.helpers.red_localizer import tiny_stddl
from tests.helpers.shipped_weights import tiny_lips


def test_what_is_shipped_is_small_and_cannot_run_code() -> None:
    """The folders as they are in this copy: also true before there are any."""
    files = [path for path in weights.FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) <= MAX_BYTES
    assert {path.suffix for path in files} <= {".py", ".json", ".safetensors", ".md"}
    assert [path.name for path in files if path.suffix == ".py"] == ["__init__.py"]
    assert not [one.name for one in shipped() if not one.card.is_file() or not one.summary]
    assert not shipped() or shipped()[0].name == DEFAULT


def test_without_weights_the_error_says_what_to_do(no_weights: Path) -> None:
    assert shipped() == []
    for load in (from_pretrained, predictor_folder):
        with pytest.raises(NpvfError, match=r"no trained detector.*--detector DIR.*npvf finetune"):
            load()
    with pytest.raises(ValueError, match="no weights for npv_lips: there are weights for no model"):
        create_model("npv_lips", pretrained=True)


def test_the_default_and_names_open_wherever_a_folder_does(some_weights: Path) -> None:
    assert [(one.name, one.kind) for one in shipped()] == [(DEFAULT, "detector"), ("lips", "encoder")]
    assert npvf.from_pretrained().settings.threshold == 0.625
    assert npvf.from_pretrained(DEFAULT, threshold=0.7).settings.threshold == 0.7
    assert Detector.from_pretrained().settings == Detector.from_pretrained(DEFAULT).settings
    assert predictor_folder() == predictor_folder(DEFAULT) == some_weights / DEFAULT
    assert isinstance(NPV.from_pretrained("lips"), NPV)
    with pytest.raises(NpvfError, match="holds an encoder"):
        from_pretrained("lips")
    with pytest.raises(NpvfError, match=f"names that need no folder are {DEFAULT}, lips, silence"):
        from_pretrained("lisp")


def test_a_folder_of_that_name_is_written_with_a_dot(
    some_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    SpeechDetector(tiny_lips()).save_pretrained(DEFAULT)
    assert predictor_folder(DEFAULT) == some_weights / DEFAULT
    assert predictor_folder(f"./{DEFAULT}") == resolve_folder(f"./{DEFAULT}") == Path(DEFAULT)


def test_parts_of_a_detector_have_names_too(some_weights: Path) -> None:
    assert isinstance(from_pretrained(f"{DEFAULT}/sound_and_lips"), SpeechDetector)
    assert isinstance(NPV.from_pretrained(f"{DEFAULT}/sound_and_lips"), NPV)
    assert isinstance(STDDL.from_pretrained(f"{DEFAULT}/picture"), STDDL)
    with pytest.raises(NpvfError, match=f"{DEFAULT} has no part sound; its parts are: picture, sound_and_lips"):
        shipped_folder(f"{DEFAULT}/sound")
    FusedDetector(SpeechDetector(tiny_lips()), Localizer(tiny_stddl())).save_pretrained(some_weights / "both")
    assert isinstance(FusedDetector.from_pretrained("both"), FusedDetector)


def test_create_model_takes_the_encoder_before_a_detectors_part(some_weights: Path) -> None:
    model = create_model("npv_lips", pretrained=True)
    assert model.config == NPV.from_pretrained("lips").config and not model.training
    assert all(map(torch.equal, model.state_dict().values(), NPV.from_pretrained("lips").state_dict().values()))
    assert create_model("npv_lips", pretrained=True, inputs__gate="all").config.inputs.gate == "all"
    shutil.rmtree(some_weights / "lips")
    found, part = create_model("npv_lips", pretrained=True), NPV.from_pretrained(f"{DEFAULT}/sound_and_lips")
    assert all(map(torch.equal, found.state_dict().values(), part.state_dict().values()))


def test_what_create_model_refuses(some_weights: Path) -> None:
    with pytest.raises(ValueError, match="no weights for npv_nano: there are weights for npv_lips, stddl_nano"):
        create_model("npv_nano", pretrained=True)
    with pytest.raises(ValueError, match=r"do not fit .*common_dim"):
        create_model("npv_lips", pretrained=True, common_dim=4)
    with pytest.raises(ValueError, match="pretrained or backbone_pretrained"):
        create_model("npv_lips", pretrained=True, backbone_pretrained=True)
    with pytest.raises(ValueError, match="no model is called"):
        create_model("npv_lisp", pretrained=True)


def test_the_hash_changes_with_the_weights_and_not_with_the_card(some_weights: Path) -> None:
    one = shipped()[0]
    before = one.sha256
    (one.folder / CARD).write_text("another card")
    assert one.sha256 == before
    assert one.size == sum(path.stat().st_size for path in one.folder.rglob("*.*"))
    tiny_lips(seed=5).save_pretrained(one.folder / "sound_and_lips")
    assert one.sha256 != before


def test_a_pickle_is_not_opened(some_weights: Path) -> None:
    folder = some_weights / "pickled"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model": {"name": "npv_lips"}}))
    (folder / "model.pt").write_bytes(pickle.dumps({}))
    with pytest.raises(NpvfError, match=r"model\.safetensors are needed"):
        resolve_folder("pickled")
