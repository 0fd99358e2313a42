"""Files in an object store, in fsspec's memory; `tests/prepare/test_prepare_urls.py` uses a server."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path
from unittest.mock import patch

import pytest

from npvf.errors import MissingDependency, NpvfError
from npvf.io.urls import (
    as_place,
    download,
    exists,
    is_url,
    join,
    list_files,
    local_copy,
    open_url,
    read_all,
    read_bytes,
    remove,
    upload,
    url_hash,
)


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}"


def test_what_is_a_url_and_what_is_a_path() -> None:
    assert is_url("s3://bucket/key") and as_place("s3://bucket/key/") == "s3://bucket/key"
    assert not any(map(is_url, ("a/b", "C:/a", "C:\\a", "a://"[:2], Path("s3://bucket"))))
    assert as_place("a/b") == Path("a/b") and as_place("file:///a/b%20c") == Path("/a/b c")
    assert join(Path("a"), "b") == Path("a/b") and join("s3://a", "b") == "s3://a/b"


def test_a_file_goes_there_and_comes_back(url: str, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"0123456789")
    upload(tmp_path / "x.tar", f"{url}/a/x.tar")
    assert exists(f"{url}/a/x.tar") and not exists(f"{url}/a/y.tar")
    assert read_bytes(f"{url}/a/x.tar") == b"0123456789" and read_bytes(f"{url}/a/x.tar", 3, 4) == b"3456"
    with open_url(f"{url}/a/x.tar") as file:
        assert file.read() == b"0123456789"
    assert url_hash(f"{url}/a/x.tar").startswith("84d89877f0d4041efb6bf91a16f0248f")
    (listed,) = list_files(url).values()
    assert list(list_files(url)) == ["a/x.tar"] and listed.size == 10 and listed.mtime_ns > 1e18
    (tmp_path / "here").mkdir()
    assert download([f"{url}/a/x.tar", f"{url}/a/y.tar"], tmp_path / "here") == [tmp_path / "here/x.tar"]
    with local_copy(f"{url}/a/x.tar") as copy:
        assert copy.read_bytes() == b"0123456789"
    assert not copy.exists()
    remove([f"{url}/a/x.tar"])
    remove([f"{url}/a/x.tar"])
    assert list_files(url) == {}


def test_many_files_at_once(url: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0")
    urls = [f"{url}/{n}" for n in range(40)]
    for n, one in enumerate(urls):
        (tmp_path / "x").write_bytes(b"%d" % n)
        upload(tmp_path / "x", one)
    assert read_all(urls) == [b"%d" % n for n in range(40)] and read_all(urls[:1]) == [b"0"]
    (tmp_path / "here").mkdir()
    copies = download([*urls, f"{url}/gone"], tmp_path / "here")
    assert [path.read_bytes() for path in copies] == read_all(urls)
    remove([f"{url}/gone", *urls[1:]])
    assert list(list_files(url)) == ["0"]
    assert (download([], tmp_path), read_all([])) == ([], [])


def test_what_is_not_there(url: str) -> None:
    with pytest.raises(FileNotFoundError), local_copy(f"{url}/x"):
        pass
    with pytest.raises(FileNotFoundError):
        read_bytes(f"{url}/x")
    with pytest.raises(NpvfError, match=r"nosuch://x cannot be reached.*Check the URL"):
        read_bytes("nosuch://x")


def test_elsewhere_than_in_an_object_store_a_file_is_moved_to_its_name(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"content")
    upload(tmp_path / "x", f"local://{tmp_path}/a/y")
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"y"}


def test_without_fsspec_a_url_names_the_extra(url: str) -> None:
    with (
        patch.dict(sys.modules, {"fsspec": None, "fsspec.core": None}),
        pytest.raises(MissingDependency, match="cloud"),
    ):
        read_bytes(f"{url}/x")


@pytest.mark.slow
def test_local_paths_do_without_fsspec(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["fsspec"] = None
from npvf.io.corpus import Corpus
from npvf.io.files import sha256, write_lines
from npvf.io.remote_sources import find_sources_at
from pathlib import Path
folder = Path({str(tmp_path)!r})
(folder / "a.mp4").touch()
assert len(find_sources_at(folder).items) == 1
write_lines(folder / "manifest.jsonl", [])
(folder / "dataset.json").write_text('{{"complete": true, "shards": []}}')
assert Corpus(folder).manifest == [] and list(Corpus(folder).samples) == []
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
