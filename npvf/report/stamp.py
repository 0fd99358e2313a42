"""A time stamp of a bundle's manifest by an authority (RFC 3161): proof that the manifest existed at that time.

Only the SHA-256 of the manifest is sent. The extra `timestamp` has the library that makes requests and reads answers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from npvf.errors import MissingDependency, NpvfError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

STAMP = "manifest.tsr"
SHA256_OID = "2.16.840.1.101.3.4.2.1"
TIMEOUT = 30.0  # seconds
LARGEST = 1_000_000  # bytes of an answer; usual ones have 2 to 8 kB


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp.

    Attributes:
        time: when the authority saw the manifest, in UTC; "" if it cannot be read.
        authority: the authority's name in the stamp; "" if it does not give one.
        trusted: True if the signature was checked against a given certificate; None: it was not checked.
        problem: why the stamp does not hold; "": it does, as far as it was checked.
    """

    time: str
    authority: str = ""
    trusted: bool | None = None
    problem: str = ""


def request_stamp(authority: str, content: bytes) -> bytes:
    """Return the answer of an authority to the hash of some content, as it came (DER).

    Raises:
        MissingDependency: the extra `timestamp` is not installed.
        NpvfError: the address is not one of the web, the authority does not answer, or it answers something else.
    """
    check_authority(authority)
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    query = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).build()
    headers = {"Content-Type": "application/timestamp-query"}
    request = Request(authority, query.as_bytes(), headers)
    try:
        with urlopen(request, timeout=TIMEOUT) as answer:
            data = answer.read(LARGEST)
    except (URLError, OSError, ValueError) as error:
        raise NpvfError(f"{authority} gave no time stamp: {error}. The bundle was not written") from error
    stamp = read_stamp(data, content)
    if stamp.problem:
        raise NpvfError(f"{authority} gave no valid time stamp: {stamp.problem}. The bundle was not written")
    return data


def read_stamp(data: bytes, content: bytes, trust: Path | None = None) -> Stamp:
    """Return the time stamp in an authority's answer, and whether it is one of this content.

    Args:
        data: the answer (DER).
        content: the bytes that were stamped.
        trust: certificates (PEM) of the authorities that are trusted; None: the signature is not checked.

    Raises:
        MissingDependency: the extra `timestamp` is not installed.
        NpvfError: `trust` cannot be read.
    """
    need_client()
    from rfc3161_client import decode_timestamp_response

    try:
        answer = decode_timestamp_response(data)
        info = answer.tst_info
        imprint = info.message_imprint
        same = (
            imprint.hash_algorithm.dotted_string == SHA256_OID and imprint.message == hashlib.sha256(content).digest()
        )
        time, name = info.gen_time.isoformat(), info.name
    except ValueError as error:
        return Stamp("", problem=f"the time stamp cannot be read ({error})")
    authority = name.value.rfc4514_string() if name is not None and hasattr(name.value, "rfc4514_string") else ""
    if not same:
        return Stamp(time, authority, problem="the time stamp belongs to another manifest")
    if trust is None:
        return Stamp(time, authority)
    problem = _untrusted(answer, content, _certificates(trust))
    return Stamp(time, authority, not problem, problem)


def check_authority(authority: str) -> None:
    """Raise NpvfError if an address is not one of the web, and MissingDependency without the extra `timestamp`."""
    need_client()
    if urlsplit(authority).scheme not in {"http", "https"}:
        raise NpvfError(f"--timestamp takes the address of a time stamping authority (https://...), not {authority!r}")


def need_client() -> None:
    """Raise MissingDependency if the extra `timestamp` is not installed."""
    try:
        import rfc3161_client  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingDependency("time stamps need the package rfc3161-client: pip install 'npvf[timestamp]'") from error


def _untrusted(answer: TimeStampResponse, content: bytes, roots: list[Certificate]) -> str:
    """Return the reason why a signature does not lead to a trusted certificate; "" if it does."""
    from rfc3161_client import VerificationError, VerifierBuilder

    try:
        VerifierBuilder(roots=roots).build().verify_message(answer, content)
    except VerificationError as error:
        return f"the signature of the time stamp does not lead to a trusted certificate ({error})"
    return ""


def _certificates(trust: Path) -> list[Certificate]:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(trust.read_bytes())
    except (OSError, ValueError) as error:
        raise NpvfError(f"{trust} has no certificates (PEM): {error}") from error
