import json
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile, which
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from npvf.detect.verdict import Judgement
from npvf.errors import NpvfError, Reason, Refused
from npvf.io.files import sha256
from npvf.report.bundle import MANIFEST, BundleSettings, check_bundle, write_bundle
from tests.helpers.findings import moving_clip, told
from tests.helpers.stamp_authority import authority

FILES = ["report.html", "verdicts.json", "settings.json"]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    (tmp_path / "v.mp4").write_bytes(b"some video")
    return tmp_path / "v.mp4"


@pytest.fixture
def judgements(video: Path) -> list[Judgement]:
    judgement = told(motion=3.0).judge_clips([moving_clip(source_sha256=sha256(video))], str(video), 2.0, False)
    judgement.file = video
    return [judgement, Judgement.abstain("gone.mp4", Refused(Reason.NOT_FOUND, "gone.mp4 is not there."), "d")]


@pytest.fixture
def bundle(judgements: list[Judgement], tmp_path: Path) -> Path:
    settings = BundleSettings({"phones": "auto", "detector": None})
    write_bundle(tmp_path / "case.zip", judgements, told(motion=3.0), "<html>é</html>", settings)
    return tmp_path / "case.zip"


def changed(bundle: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """Write the bundle again with other files."""
    with ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with ZipFile(bundle, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return bundle


def test_a_bundle_has_everything_and_verifies(bundle: Path, video: Path) -> None:
    found = check_bundle(bundle, [video])
    assert found.differences == [] and found.same == [*FILES, "v.mp4"] and found.stamp is None
    with ZipFile(bundle) as archive:
        manifest = json.loads(archive.read(MANIFEST))
        settings = json.loads(archive.read("settings.json"))
        verdicts = json.loads(archive.read("verdicts.json"))
    assert manifest["videos"][0] == {"name": "v.mp4", "path": str(video), "sha256": sha256(video), "bytes": 10}
    assert manifest["videos"][1] == {"name": "gone.mp4", "path": "gone.mp4", "sha256": None}
    assert settings["options"] == {"phones": "auto", "detector": None} and "torch" in settings["versions"]
    assert settings["settings"]["mouth_motion.likelihood.upper"] == "2"
    assert [one["verdict"] for one in verdicts] == ["fake", "abstain"]


def test_the_same_manifest_has_the_same_hash(bundle: Path, judgements: list[Judgement], tmp_path: Path) -> None:
    printed = write_bundle(tmp_path / "b.zip", judgements, told(motion=3.0), "<html></html>")
    assert check_bundle(tmp_path / "b.zip").manifest_sha256 == printed


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda files: files.update({"report.html": b"<html>e</html>"}), "report.html: differs"),
        (lambda files: files.update({"report.html": b"x" * 100_000}), "report.html: cannot be read (it has more than"),
        (lambda files: files.pop("verdicts.json"), "verdicts.json: is missing"),
        (lambda files: files.update({"more.txt": b""}), "more.txt: was added"),
        (lambda files: files.update({"../evil.txt": b""}), "../evil.txt: was added"),
    ],
)
def test_every_change_is_named(bundle: Path, change: Callable[[dict[str, bytes]], object], sentence: str) -> None:
    (difference,) = check_bundle(changed(bundle, change)).differences
    assert difference.startswith(sentence)


def test_a_file_that_is_in_the_bundle_twice_is_named(bundle: Path) -> None:
    with pytest.warns(UserWarning), ZipFile(bundle, "a") as archive:
        archive.writestr("report.html", "<html>é</html>")
    assert check_bundle(bundle).differences == ["report.html: is in the bundle twice"]


def test_damaged_bytes_are_named(bundle: Path) -> None:
    content = bytearray(bundle.read_bytes())
    at = content.index(b"settings.json") + len(b"settings.json") + 20
    content[at] ^= 255
    bundle.write_bytes(content)
    (difference,) = check_bundle(bundle).differences
    assert difference.startswith("settings.json: ")


def test_another_video_is_not_among_the_inputs(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "other.mp4").write_bytes(b"another video")
    (difference,) = check_bundle(bundle, [tmp_path / "other.mp4"]).differences
    assert "other.mp4: its SHA-256 is not among the videos" in difference
    copyfile(tmp_path / "v.mp4", tmp_path / "renamed.mp4")
    assert check_bundle(bundle, [tmp_path / "renamed.mp4"]).differences == []


def test_a_video_that_has_changed_since_it_was_judged_is_refused(
    judgements: list[Judgement], video: Path, tmp_path: Path
) -> None:
    video.write_bytes(b"another one")
    with pytest.raises(NpvfError, match="has changed since it was judged"):
        write_bundle(tmp_path / "b.zip", judgements, told(motion=3.0), "")
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize("manifest", [b"{", b"[]", b"{}", b'{"format": "npvf bundle 1", "files": {"a": 1}}', None])
def test_something_else_is_not_a_bundle(bundle: Path, manifest: bytes | None) -> None:
    changed(bundle, lambda files: files.pop(MANIFEST) if manifest is None else files.update({MANIFEST: manifest}))
    with pytest.raises(NpvfError, match="is not a bundle"):
        check_bundle(bundle)


def test_a_file_that_is_not_a_zip_file_is_an_error(video: Path) -> None:
    with pytest.raises(NpvfError, match="cannot be read"):
        check_bundle(video)
    with pytest.raises(NpvfError, match="cannot be read"):
        check_bundle(video.with_name("gone.zip"))


@pytest.mark.slow
@pytest.mark.skipif(which("openssl") is None, reason="needs the program openssl")
def test_a_stamped_bundle_names_the_time_and_a_new_manifest_breaks_the_stamp(
    judgements: list[Judgement], tmp_path: Path
) -> None:
    (tmp_path / "authority").mkdir()
    with authority(tmp_path / "authority") as clock:
        settings = BundleSettings(authority=clock.address)
        write_bundle(tmp_path / "b.zip", judgements, told(motion=3.0), "", settings)
        found = check_bundle(tmp_path / "b.zip", trust=clock.root)
    assert found.differences == [] and found.stamp is not None and found.stamp.trusted
    forged = changed(
        tmp_path / "b.zip",
        lambda files: files.update({MANIFEST: files[MANIFEST].replace(b'"made": "2', b'"made": "1')}),
    )
    assert check_bundle(forged).differences == ["manifest.tsr: the time stamp belongs to another manifest"]
