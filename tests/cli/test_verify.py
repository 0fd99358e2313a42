import json
from pathlib import Path

import pytest

from npvf.cli.main import main
from npvf.report.bundle import write_bundle
from tests.helpers.findings import moving_clip, told


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "v.mp4").write_bytes(b"some video")
    judgement = told(motion=3.0).judge_clips([moving_clip(source_sha256="")], "v.mp4", 2.0, False)
    judgement.file = tmp_path / "v.mp4"
    write_bundle(tmp_path / "case.zip", [judgement], told(motion=3.0), "<html></html>")
    return tmp_path / "case.zip"


def test_a_bundle_that_is_as_it_was_ends_with_0(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(bundle), "--video", str(bundle.with_name("v.mp4"))]) == 0
    out = capsys.readouterr().out
    assert "same: report.html" in out and "same: v.mp4" in out and "time stamp: none" in out
    assert out.endswith("the bundle is as its manifest lists it\n")


def test_another_video_ends_with_1(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle.with_name("v.mp4").write_bytes(b"another video")
    assert main(["verify", str(bundle), "--video", str(bundle.with_name("v.mp4")), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert len(found["differences"]) == 1 and "v.mp4" in found["differences"][0]


def test_what_cannot_be_read_ends_with_2(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(bundle.with_name("gone.zip"))]) == 2
    assert main(["verify", str(bundle), "--video", str(bundle.with_name("gone.mp4"))]) == 2
    assert "give --video the file that was judged" in capsys.readouterr().err
