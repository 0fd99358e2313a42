import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest

from npvf.errors import MissingDependency, NpvfError
from npvf.report.stamp import check_authority, read_stamp, request_stamp
from tests.helpers.stamp_authority import Authority, authority

needs_openssl = pytest.mark.skipif(which("openssl") is None, reason="needs the program openssl")


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("authority")) as running:
        yield running


@needs_openssl
def test_a_stamp_gives_the_time_and_holds_for_its_content_alone(clock: Authority) -> None:
    data = request_stamp(clock.address, b"a manifest")
    stamp = read_stamp(data, b"a manifest", clock.root)
    assert abs((datetime.fromisoformat(stamp.time) - datetime.now(UTC)).total_seconds()) < 60
    assert (stamp.trusted, stamp.problem) == (True, "") and "Clock of the tests" in stamp.authority
    assert read_stamp(data, b"a manifest").trusted is None
    assert read_stamp(data, b"another").problem == "the time stamp belongs to another manifest"


@pytest.mark.slow
@needs_openssl
def test_a_stamp_of_a_stranger_is_not_trusted(clock: Authority, tmp_path: Path) -> None:
    data = request_stamp(clock.address, b"a manifest")
    with authority(tmp_path) as stranger:
        stamp = read_stamp(data, b"a manifest", stranger.root)
    assert stamp.trusted is False and "does not lead to a trusted certificate" in stamp.problem


@needs_openssl
def test_a_changed_stamp_does_not_hold(clock: Authority) -> None:
    data = bytearray(request_stamp(clock.address, b"a manifest"))
    data[-5] ^= 1  # of the signature
    assert read_stamp(bytes(data), b"a manifest", clock.root).problem


@pytest.mark.slow
@needs_openssl
def test_an_answer_that_is_not_a_stamp_is_an_error(tmp_path: Path) -> None:
    with (
        authority(tmp_path, broken=b"<html>sign in first</html>") as running,
        pytest.raises(NpvfError, match="no valid"),
    ):
        request_stamp(running.address, b"x")
    with pytest.raises(NpvfError, match="gave no time stamp"):
        request_stamp(running.address, b"x")  # it is closed now


@needs_openssl
def test_something_else_than_certificates_is_an_error(clock: Authority, tmp_path: Path) -> None:
    (tmp_path / "trust.pem").write_text("not a certificate")
    with pytest.raises(NpvfError, match="has no certificates"):
        read_stamp(request_stamp(clock.address, b"x"), b"x", tmp_path / "trust.pem")


def test_only_addresses_of_the_web_are_asked() -> None:
    with pytest.raises(NpvfError, match="https://"):
        check_authority("file:///etc/passwd")


def test_the_extra_is_named_if_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(MissingDependency, match=r"pip install 'npvf\[timestamp\]'"):
        check_authority("https://stamps.example")
