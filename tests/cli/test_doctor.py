"""`npvf doctor`: names what is missing or wrong, with the line that puts it right."""

from __future__ import annotations

import ctypes
import json
from importlib import metadata

import pytest

from npvf.cli import doctor
from npvf.cli.main import main
from npvf.errors import MissingDependency, NpvfError

NEEDS = ["torch<2.12,>=2.11", "numpy>=2", "rich>=13; sys_platform != 'none'", 'lightning-like>=2.6.6; extra == "train"']


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What is installed, as far as the doctor can see; none of it asks for anything."""
    installed: dict[str, str] = {}

    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(doctor.metadata, "version", version)
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: [])
    return installed


def found(name: str, findings: list[doctor.Finding]) -> doctor.Finding:
    (finding,) = [finding for finding in findings if finding.name == name]
    return finding


def test_right_missing_and_wrong(versions: dict[str, str]) -> None:
    versions.update({"torch": "2.11.0+cu130", "numpy": "1.26.4"})
    findings = list(doctor.packages(NEEDS, ["train"]))
    assert found("torch", findings).state == "ok"
    numpy = found("numpy", findings)
    assert (numpy.parts, numpy.state, numpy.found, numpy.fix) == (
        ["core"],
        "wrong",
        "1.26.4",
        "pip install 'numpy>=2'",
    )
    assert found("rich", findings).fix == "pip install 'npvf'"
    extra = found("lightning-like", findings)
    assert (extra.parts, extra.state, extra.fix) == (["train"], "missing", "pip install 'npvf[train]'")


def test_a_package_shows_once_with_every_part_that_asks_for_it_the_smallest_first(versions: dict[str, str]) -> None:
    needs = [
        'webdataset; extra == "train"',
        'torchmetrics; extra == "train"',
        'webdataset; extra == "prepare"',
        'npvf[train,prepare]; extra == "demo"',
    ]
    findings = {finding.name: finding for finding in doctor.packages(needs, ["demo", "prepare", "train"])}
    assert set(findings) == {"webdataset", "torchmetrics"}
    assert findings["webdataset"].parts == ["prepare", "train"]
    assert findings["webdataset"].fix == "pip install 'npvf[prepare]'"


def test_torchvision_that_wants_another_torch_is_wrong(
    versions: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    versions.update({"torch": "2.11.1", "torchvision": "0.26.0"})
    asks = {"torchvision": ["torch (==2.11.0)", "gdown>=4 ; extra == 'gdown'"]}
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: asks.get(name))
    (vision,) = doctor.packages(["torchvision>=0.26"], [])
    assert (vision.state, vision.wanted, vision.fix) == ("wrong", "with torch==2.11.0", "pip install torch==2.11.0")


@pytest.mark.parametrize("name", ["pytorch-lightning", "lightning"])
def test_a_compromised_release_is_a_matter_of_the_core(name: str, versions: dict[str, str]) -> None:
    versions[name] = "2.6.3"
    (finding,) = doctor.compromised()
    assert (finding.parts, finding.state, finding.fix) == (["core"], "wrong", f"pip uninstall {name}")
    versions[name] = "2.6.6"
    assert not list(doctor.compromised())


def test_missing_system_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(library: str) -> None:
        if library != "libGL.so.1":
            raise OSError("cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", load)
    monkeypatch.setattr("sys.platform", "linux")
    states = {finding.name: (finding.state, finding.fix) for finding in doctor.system_libraries()}
    assert states["libEGL.so.1"] == ("missing", "apt-get install libegl1 libgles2")
    assert states["libGL.so.1"] == ("ok", "")


@pytest.mark.parametrize(("error", "state"), [(MissingDependency("gone"), "missing"), (NpvfError("damaged"), "wrong")])
def test_face_model_that_cannot_be_used(error: NpvfError, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def path() -> None:
        raise error

    monkeypatch.setattr(doctor, "face_model_path", path)
    finding = found("face landmark model", doctor.examine())
    assert (finding.state, finding.fix) == (state, "npvf models fetch")


def test_json_and_exit_status_of_an_environment_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    core = {finding["name"]: finding for finding in report["findings"] if "core" in finding["parts"]}
    assert core["torch"]["found"] == metadata.version("torch")
    assert report["core_works"] is (status == 0)
    assert {part for finding in report["findings"] for part in finding["parts"]} >= {
        "core",
        "train",
        "prepare",
        "demo",
        "evaluate",
    }
    assert all(bool(finding["fix"]) == (finding["state"] != "ok") for finding in report["findings"])
    assert report["cpu_cores"] >= 1


def test_a_broken_core_is_exit_status_1_and_the_table_names_the_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = doctor.Finding(["core"], "numpy", "wrong", "1.26.4", ">=2", "pip install 'npvf[train]'")
    monkeypatch.setattr(doctor, "examine", lambda: [broken])
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "1.26.4" in printed
    assert "  pip install 'npvf[train]'\n" in printed


def test_a_missing_extra_leaves_the_core_working(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = doctor.Finding(["prepare"], "librosa", "missing", "", ">=1", "pip ...")
    monkeypatch.setattr(doctor, "examine", lambda: [missing])
    assert main(["doctor"]) == 0


def test_says_that_npvf_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def requires(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "requires", requires)
    assert main(["doctor"]) == 2
    assert "pip install -e ." in capsys.readouterr().err
