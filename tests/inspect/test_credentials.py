"""Content Credentials: none, valid, trusted, invalid; what they declare is quoted."""

import sys
from pathlib import Path

import pytest

from npvf.errors import MissingDependency, NpvfError
from npvf.inspect.credentials import Declared, read_credentials
from tests.helpers.media_maker import make
from tests.helpers.signed_files import SOURCE_TYPE, sign


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signed")
    (folder / "root.pem").write_bytes(sign(make(folder / "plain.mp4"), folder / "signed.mp4"))
    return folder


def test_a_file_without_credentials(signed):
    found = read_credentials(signed / "plain.mp4")
    assert found.state == "none" and not found.declared and not found.signer


def test_an_unknown_signer_is_valid_and_the_declaration_is_quoted(signed):
    found = read_credentials(signed / "signed.mp4")
    assert found.state == "valid" and "the signer can be anybody" in found.reason
    assert (found.signer, found.issuer, found.claim_generator) == ("camera", "Test Newsroom", "Test Generator 3")
    assert found.declared == (Declared("c2pa.created", SOURCE_TYPE, "Made-up Video Model"),)
    assert found.failures == ("signingCredential.untrusted",)


def test_a_signer_on_the_trust_list_is_trusted(signed):
    found = read_credentials(signed / "signed.mp4", signed / "root.pem")
    assert found.state == "trusted" and found.failures == ()


def test_another_list_does_not_trust_the_signer(signed, tmp_path):
    (tmp_path / "other.pem").write_bytes(sign(signed / "plain.mp4", tmp_path / "other.mp4"))
    found = read_credentials(signed / "signed.mp4", tmp_path / "other.pem")
    assert found.state == "valid" and "not on the trust list" in found.reason


def test_a_file_changed_after_signing_is_invalid(signed, tmp_path):
    content = bytearray((signed / "signed.mp4").read_bytes())
    content[content.rfind(b"mdat") + 40] ^= 255
    (tmp_path / "changed.mp4").write_bytes(content)
    found = read_credentials(tmp_path / "changed.mp4", signed / "root.pem")
    assert found.state == "invalid" and "assertion.bmffHash.mismatch" in found.reason


def test_a_damaged_manifest_is_invalid(signed, tmp_path):
    content = bytearray((signed / "signed.mp4").read_bytes())
    at = content.find(b"c2pa.claim")
    content[at : at + 200] = bytes(200)
    (tmp_path / "damaged.mp4").write_bytes(content)
    assert read_credentials(tmp_path / "damaged.mp4").state == "invalid"


@pytest.mark.parametrize("content", [b"<html></html>", bytes(4), b""])
def test_a_file_that_is_no_mp4_has_no_invalid_credentials(tmp_path, content):
    (tmp_path / "page.mp4").write_bytes(content)
    found = read_credentials(tmp_path / "page.mp4")
    assert found.state == "not_read" and "cannot read this file" in found.reason


def test_a_format_without_credentials_is_not_read(tmp_path):
    found = read_credentials(make(tmp_path / "a.mkv"))
    assert found.state == "not_read" and "this format" in found.reason


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n"])
def test_a_trust_list_without_certificates_is_refused(signed, tmp_path, content):
    if content is not None:
        (tmp_path / "list.pem").write_bytes(content)
    with pytest.raises(NpvfError, match=r"list\.pem cannot be used: give a file of PEM certificates"):
        read_credentials(signed / "signed.mp4", tmp_path / "list.pem")


def test_without_the_package_the_state_says_what_to_install(signed, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    found = read_credentials(signed / "signed.mp4")
    assert found.state == "not_read" and found.reason == "not read: install c2pa-python (pip install 'npvf[inspect]')"
    with pytest.raises(MissingDependency, match=r"pip install 'npvf\[inspect\]'"):
        read_credentials(signed / "signed.mp4", Path("root.pem"))
