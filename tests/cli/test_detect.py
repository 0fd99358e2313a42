import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from skimage import data

from npvf.cli.detect import exit_status
from npvf.cli.main import main
from npvf.clip import SAMPLES_PER_FRAME
from npvf.detect.fused import save_fused
from npvf.detect.fusion import Fusion
from npvf.detect.localizer import Localizer, LocalizerSettings
from npvf.detect.speech_detector import SpeechDetector, SpeechSettings
from npvf.detect.verdict import Judgement
from npvf.errors import Reason, Refused
from npvf.faces.landmarks import Landmarker
from npvf.media.encode import write_video
from npvf.media.probe import probe
from npvf.models import create_model
from tests.helpers.red_localizer import tiny_stddl

FRAMES = 36
KEYS = {
    "video",
    "fake_probability",
    "verdict",
    "reason",
    "audio_offset_s",
    "tracks",
    "phone_source",
    "coverage",
    "detector",
    "threshold",
    "parts",
    "people",
    "findings",
    "known_person",
    "measurements",
    "warnings",
    "changed",
}


@dataclass
class Ran:
    status: int
    out: str
    err: str


def npvf(*words: object) -> Ran:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        status = main([str(word) for word in words])
    return Ran(status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good clip with phone times beside it, and four that cannot be judged."""
    folder = tmp_path_factory.mktemp("videos")
    head = np.ascontiguousarray(data.astronaut()[16:240, 112:336])
    wall = np.full_like(head, 90)
    time_N = np.arange(FRAMES * SAMPLES_PER_FRAME) / 16_000
    sound_N = (0.3 * np.sin(2 * np.pi * 220 * time_N) * (1 + np.sin(2 * np.pi * 4 * time_N)) / 2).astype(np.float32)
    write_video(folder / "good.mp4", [head] * FRAMES, audio=sound_N)
    write_video(folder / "mute.mp4", [head] * FRAMES)
    write_video(folder / "wall.mp4", [wall] * FRAMES, audio=sound_N)
    spoken = [("sil", 0.0, 0.1), ("aa", 0.1, 0.6), ("m", 0.6, 0.7), ("iy", 0.7, 1.4)]
    phones = [{"phone": phone, "start": start, "end": end} for phone, start, end in spoken]
    (folder / "good.phones.json").write_text(json.dumps({"source": "times", "phones": phones}))
    (folder / "text.mp4").write_text("Dear diary, this is no video.\n" * 40)
    return folder


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    small = {f"{t}__depths": (1,) for t in ("viseme", "face", "audio")}
    small |= {f"{t}__num_heads": (2,) for t in ("viseme", "face", "audio")}
    model = create_model("npv_nano", dim=24, common_dim=16, awareness_hidden=8, **small)
    detector = SpeechDetector(model, SpeechSettings(name="tester", undecided=0.0))
    return detector.save_pretrained(tmp_path_factory.mktemp("detector"))


@pytest.fixture(scope="module")
def all_files(folder: Path, detector: Path) -> Ran:
    videos = [folder / name for name in ("gone.mp4", "text.mp4", "good.mp4", "mute.mp4", "wall.mp4")]
    written = ("--report", folder / "out" / "r.html", "--bundle", folder / "out" / "case.zip")
    return npvf("detect", *videos, "--detector", detector, "--json", *written)


@pytest.fixture(scope="module")
def verdicts(all_files: Ran) -> dict[str, dict]:
    return {Path(verdict["video"]).name: verdict for verdict in json.loads(all_files.out)}


@pytest.mark.slow
def test_every_file_has_its_object_in_the_order_given(verdicts: dict[str, dict]) -> None:
    assert list(verdicts) == ["gone.mp4", "text.mp4", "good.mp4", "mute.mp4", "wall.mp4"]
    assert all(set(verdict) == KEYS for verdict in verdicts.values())


@pytest.mark.slow
def test_a_good_file_is_judged_although_others_are_broken(verdicts: dict[str, dict]) -> None:
    good = verdicts["good.mp4"]
    assert good["verdict"] in {"real", "fake"} and 0 < good["fake_probability"] < 1
    assert (good["phone_source"], good["detector"]) == ("times", "tester")
    assert good["coverage"] == pytest.approx(1.0, abs=0.1)
    (track,) = good["tracks"]
    assert set(track) == {"id", "span", "fake_probability", "segments", "forged_area", "mask"}
    assert track["span"] == [0.0, 1.44]
    segment = track["segments"][0]
    assert set(segment) == {"start", "end", "fake_probability", "agreement", "phones"}
    assert set(segment["phones"][0]) == {"phone", "start", "end", "critical", "agreement"}
    assert [(p["phone"], p["critical"]) for p in segment["phones"]] == [("aa", False), ("m", True), ("iy", False)]
    assert segment["end"] == 0.96  # rounded


@pytest.mark.parametrize(
    ("name", "code"),
    [("gone.mp4", "not_found"), ("text.mp4", "undecodable"), ("mute.mp4", "no_audio"), ("wall.mp4", "no_face")],
)
def test_what_is_not_judged_abstains_with_a_code(verdicts: dict[str, dict], name: str, code: str) -> None:
    verdict = verdicts[name]
    assert verdict["reason"].startswith(f"{code}: ") and len(verdict["reason"]) > len(code) + 10
    assert (verdict["verdict"], verdict["fake_probability"], verdict["tracks"]) == ("abstain", None, [])
    assert (verdict["coverage"], verdict["phone_source"], verdict["audio_offset_s"]) == (0.0, None, None)


def test_only_broken_files_are_errors(all_files: Ran, folder: Path) -> None:
    errors = [line for line in all_files.err.splitlines() if line.startswith("npvf: ")]
    assert [line.split(":")[1].strip() for line in errors] == [str(folder / "gone.mp4"), str(folder / "text.mp4")]
    assert all_files.status == 2


def test_the_report_has_all_of_them(all_files: Ran, folder: Path) -> None:
    html = (folder / "out" / "r.html").read_text()
    assert all(name in html for name in ("gone.mp4", "text.mp4", "good.mp4", "mute.mp4", "wall.mp4"))
    assert f"report: {folder / 'out' / 'r.html'}" in all_files.err


def test_the_bundle_has_the_same_report_and_verdicts(all_files: Ran, folder: Path) -> None:
    bundle = folder / "out" / "case.zip"
    with ZipFile(bundle) as archive:
        assert archive.read("report.html") == (folder / "out" / "r.html").read_bytes()
        assert json.loads(archive.read("verdicts.json")) == json.loads(all_files.out)
    verified = npvf("verify", bundle, "--video", folder / "good.mp4")
    digest = re.search(r"manifest SHA-256 (\w+)", all_files.err)
    assert verified.status == 0 and digest and digest[1] in verified.out
    assert npvf("verify", bundle, "--video", folder / "good.phones.json").status == 1


def test_a_time_stamp_needs_a_bundle_and_an_address(folder: Path, detector: Path) -> None:
    alone = npvf("detect", folder / "good.mp4", "--detector", detector, "--timestamp", "https://stamps.example")
    assert alone.status == 2 and "--bundle" in alone.err
    odd = npvf("detect", folder / "good.mp4", "--bundle", folder / "x.zip", "--timestamp", "stamps.example")
    assert odd.status == 2 and not (folder / "x.zip").exists()


@pytest.mark.slow
def test_one_file_that_is_judged_ends_with_0_and_a_block_of_text(folder: Path, detector: Path) -> None:
    ran = npvf("detect", folder / "good.mp4", "--detector", detector, "--phones", "times")
    assert ran.status == 0
    assert "good.mp4: " in ran.out and "lowest agreement" in ran.out


def test_one_that_cannot_be_judged_ends_with_3(folder: Path, detector: Path) -> None:
    ran = npvf("detect", folder / "mute.mp4", "--detector", detector)
    assert ran.status == 3
    assert "abstain" in ran.out and not ran.err


@pytest.mark.slow
def test_a_phone_source_that_a_file_lacks_is_its_error_alone(folder: Path, detector: Path) -> None:
    (folder / "twin.mp4").write_bytes((folder / "good.mp4").read_bytes())
    ran = npvf("detect", folder / "twin.mp4", "--detector", detector, "--phones", "times", "--json")
    (verdict,) = json.loads(ran.out)
    assert ran.status == 2 and verdict["verdict"] == "abstain" and "no phone times beside" in verdict["reason"]


def test_wrong_use_says_what_to_do(folder: Path, detector: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = npvf("detect", folder / "good.mp4", "--detector", folder)
    assert nothing.status == 2 and "holds no model" in nothing.err
    report = npvf("detect", folder / "good.mp4", "--detector", detector, "--report", folder)
    assert report.status == 2 and "is a folder" in report.err
    with pytest.raises(SystemExit) as stopped:
        main(["detect", "--help"])
    assert stopped.value.code == 0 and "exit status: 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        ([], 0),
        ([Reason.NO_FACE], 3),
        ([Reason.UNDECODABLE], 2),
        ([Reason.NOT_FOUND, Reason.NO_FACE], 2),
        ([Reason.SILENT_AUDIO, Reason.TOO_SHORT], 3),
        ([Reason.NO_VIDEO, Reason.BAD_SIDECAR], 2),
        ([Reason.MEMORY_LIMIT], 2),
    ],
)
def test_a_broken_file_outweighs_one_that_was_not_judged(reasons: list[Reason], status: int) -> None:
    assert exit_status([Judgement.abstain("v", Refused(reason, "so"), "d") for reason in reasons]) == status


def test_several_files_share_one_landmarker(folder: Path, detector: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    class Counted(Landmarker):
        def __enter__(self):
            opened.append(self)
            return super().__enter__()

    monkeypatch.setattr("npvf.cli.detect.Landmarker", Counted)
    npvf("detect", folder / "mute.mp4", folder / "gone.mp4", "--detector", detector, "--json")
    assert len(opened) == 1


@pytest.fixture(scope="module")
def both(detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("both")
    Localizer(tiny_stddl(), LocalizerSettings(name="pixels", undecided=0.0)).save_pretrained(folder / "picture")
    return save_fused(Fusion(undecided=0.0), detector, folder / "picture", folder / "fused", {})


@pytest.mark.slow
def test_a_mute_video_is_judged_by_its_picture_and_gets_a_mask(folder: Path, both: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.html"
    videos = [folder / name for name in ("good.mp4", "mute.mp4", "wall.mp4")]
    ran = npvf("detect", *videos, "--detector", both, "--json", "--report", report)
    good, mute, wall = json.loads(ran.out)
    assert ran.status == 3 and wall["reason"].startswith("no_face")
    assert mute["verdict"] in {"real", "fake"} and mute["reason"].startswith("judged by the frames alone (no_audio: ")
    assert [part["share"] for part in mute["parts"]] == [0.0, 1.0]
    assert good["parts"][0]["fake_probability"] is not None and good["phone_source"] == "times"
    for verdict in (good, mute):
        (track,) = verdict["tracks"]
        assert 0 <= track["forged_area"] <= 100
        assert Path(track["mask"]).parent == tmp_path / "r-masks"
        assert probe(track["mask"]).video.frames == FRAMES
    assert "by the frames alone" in report.read_text().lower()


@pytest.mark.slow
def test_masks_go_where_they_are_asked_for_and_nowhere_else(folder: Path, both: Path, tmp_path: Path) -> None:
    ran = npvf("detect", folder / "mute.mp4", "--detector", both / "picture", "--masks", tmp_path / "m")
    assert ran.status == 0 and len(list((tmp_path / "m").iterdir())) == 1 and "face 1" in " ".join(ran.out.split())
    ran = npvf("detect", folder / "mute.mp4", "--detector", both / "picture", "--json")
    assert json.loads(ran.out)[0]["tracks"][0]["mask"] is None


@pytest.mark.slow
def test_the_default_detector_judges_where_none_is_named(folder: Path, some_weights: Path) -> None:
    ran = npvf("detect", folder / "good.mp4", "--json")
    assert ran.status in (0, 3) and json.loads(ran.out)[0]["threshold"] == 0.625


def test_without_a_detector_of_its_own_the_error_says_what_to_do(folder: Path, no_weights: Path) -> None:
    ran = npvf("detect", folder / "good.mp4")
    assert ran.status == 2 and "--detector DIR" in ran.err
