"""`npvf inspect`: table, JSON, exit status."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from npvf.cli.main import main
from npvf.detect import quality as quality_file
from npvf.errors import Reason, Refused
from tests.helpers.media_maker import click, make
from tests.helpers.signed_files import sign


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect")
    make(folder / "plain.mp4", audio=click(2.0, at=1.0))
    (folder / "root.pem").write_bytes(sign(folder / "plain.mp4", folder / "signed.mp4"))
    (folder / "text.mp4").write_text("<html>" * 99)
    return folder


def run(capsys, *words) -> tuple[int, str, str]:
    status = main(["inspect", *map(str, words)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_facts_without_quality(folder, capsys):
    status, out, err = run(capsys, "--no-quality", folder / "plain.mp4")
    assert (status, err) == (0, "")
    for text in (
        "192 x 48",
        "h264 High",
        "x264 core",
        "ftyp free mdat moov(",
        "a converter and not",
        "none: ",
    ):
        assert text in out


def test_json_keeps_the_order_and_names_what_cannot_be_read(folder, capsys):
    status, out, err = run(capsys, "--json", "--no-quality", folder / "text.mp4", folder / "plain.mp4")
    broken, plain = json.loads(out)
    assert status == 2
    assert broken["video"] == str(folder / "text.mp4") and broken["error"].startswith("undecodable: ")
    assert str(folder / "text.mp4") in err
    assert plain["sha256"] and "error" not in plain and "quality" not in plain


@pytest.mark.slow
def test_a_video_without_a_face_has_facts_and_status_3(folder, capsys):
    status, out, _ = run(capsys, "--json", folder / "plain.mp4")
    (found,) = json.loads(out)
    assert status == 3
    assert found["quality"]["refused"].startswith("no_face: ")
    assert [mark["name"] for mark in found["quality"]["marks"]] == ["compression"]
    assert "no_face" in run(capsys, folder / "plain.mp4")[1]


@pytest.mark.slow
@pytest.mark.skipif("NPVF_CLIPS" not in os.environ, reason="needs real clips")
def test_the_quality_list_of_a_real_clip(capsys):
    clip = Path(os.environ["NPVF_CLIPS"]) / "grid/speakers/bbaf2n.mpg"
    status, out, _ = run(capsys, "--json", clip)
    marks = {mark["name"]: mark for mark in json.loads(out)[0]["quality"]["marks"]}
    assert status == 0
    assert [name for name, mark in marks.items() if mark["level"] != "good"] == ["speech"]
    assert (
        marks["seen"]["value"] == 3 and 0.96 < marks["speech"]["value"] < 2 and 100 < marks["face size"]["value"] < 150
    )


def test_a_file_damaged_further_on_keeps_its_facts(folder, capsys, monkeypatch):
    def damaged(*args: object, **kwargs: object):
        raise Refused(Reason.UNDECODABLE, "plain.mp4: the video is damaged at 1.00 s.")

    monkeypatch.setattr(quality_file, "read_clips", damaged)
    status, out, err = run(capsys, "--json", folder / "plain.mp4")
    (found,) = json.loads(out)
    assert status == 2 and found["sha256"] and found["error"] == found["quality"]["refused"]
    assert "damaged at 1.00 s" in err


def test_credentials_are_quoted_and_the_trust_list_is_used(folder, capsys):
    status, out, _ = run(capsys, "--no-quality", "--trust", folder / "root.pem", folder / "signed.mp4")
    assert status == 0
    for text in ("trusted: ", "camera of Test Newsroom", '"Test Generator 3"', '"Made-up Video Model"'):
        assert text in out


def test_a_trust_list_without_the_package_names_the_extra(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    status, out, err = run(capsys, "--trust", folder / "root.pem", folder / "signed.mp4")
    assert (status, out) == (2, "") and "pip install 'npvf[inspect]'" in err
    status, out, _ = run(capsys, "--no-quality", folder / "signed.mp4")
    assert status == 0 and "not read: install c2pa-python" in out


def test_a_bad_trust_list_is_wrong_use(folder, capsys):
    status, out, err = run(capsys, "--no-quality", "--trust", folder / "plain.mp4", folder / "signed.mp4")
    assert (status, out) == (2, "") and "give a file of PEM certificates" in err


def test_names_with_brackets_are_printed_as_they_are(tmp_path, capsys):
    path = make(tmp_path / "[red]a[0].mp4", audio=np.zeros(4410))
    assert "[red]a[0].mp4" in run(capsys, "--no-quality", path)[1]
