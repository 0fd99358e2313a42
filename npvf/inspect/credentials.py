"""Read the Content Credentials (C2PA) of a file: who signed it, what the signer declares, and whether that holds.

Nothing is fetched from the network: no manifest from elsewhere, and no list of withdrawn certificates. What a manifest
declares, such as the program that generated a video, is quoted and never concluded from anything else.
"""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Literal

from npvf.errors import MissingDependency, NpvfError

INSTALL = "pip install 'npvf[inspect]'"
STORE = b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"  # of a manifest store (C2PA specification, JUMBF boxes)
UNTRUSTED = "signingCredential.untrusted"
State = Literal["none", "valid", "trusted", "invalid", "not_read"]


@dataclass(frozen=True, slots=True)
class Declared:
    """One action that a manifest declares, in its own words: action, source type, program; "" where it is silent."""

    action: str
    source_type: str
    program: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """The Content Credentials of a file.

    Attributes:
        state: `none`: the file has none. `valid`: the signature fits the file, but the signer is not on a trust list.
            `trusted`: the signer is on the given one, too. `invalid`: the file or the manifest was changed after
            signing, or the manifest cannot be read. `not_read`: see `reason`.
        reason: what the state means for this file.
        signer, issuer: names in the certificate. Anybody can write them into a certificate that is not trusted.
        signed_at: the time in the signature, if it has one.
        claim_generator: the program that made the manifest.
        declared: what the manifest says was done, and with what.
        failures: codes of the C2PA specification, section 15.
    """

    state: State
    reason: str
    signer: str = ""
    issuer: str = ""
    signed_at: str = ""
    claim_generator: str = ""
    declared: tuple[Declared, ...] = ()
    failures: tuple[str, ...] = ()


def read_credentials(path: Path, trust: Path | None = None) -> Credentials:
    """Return the Content Credentials of a file.

    Args:
        path: the file.
        trust: a file of PEM certificates; those whom they certify are trusted.

    Raises:
        MissingDependency: `trust` is given, but c2pa-python is not installed.
        NpvfError: `trust` does not exist, or has no certificate.
    """
    anchors = check_trust(trust) if trust else None
    if not _installed():
        return Credentials("not_read", f"not read: install c2pa-python ({INSTALL})")
    if path.is_dir():
        return Credentials("not_read", "a folder of images is not one file that could have been signed")
    return _read(path, anchors)


def check_trust(trust: Path) -> str:
    """Return the content of a trust list. Raises what `read_credentials` raises."""
    if not _installed():
        raise MissingDependency(f"a trust list needs the package c2pa-python: {INSTALL}")
    try:
        pem = trust.read_text("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise NpvfError(f"the trust list {trust} cannot be used: give a file of PEM certificates ({error})") from error
    return pem


def _installed() -> bool:
    return sys.modules.get("c2pa") is not None or ("c2pa" not in sys.modules and find_spec("c2pa") is not None)


def _read(path: Path, anchors: str | None) -> Credentials:
    import c2pa  # loads a library of 40 MB

    settings: dict[str, Any] = {"verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False}}
    if anchors:
        settings["trust"] = {"trust_anchors": anchors}
    context = c2pa.Context.from_dict(settings)
    try:
        reader = c2pa.Reader.try_create(str(path), context=context)
    except c2pa.C2paError.NotSupported:
        return Credentials("not_read", "c2pa reads no Content Credentials from files of this format")
    except c2pa.C2paError as error:
        if _has_manifest(path):
            return Credentials("invalid", f"Content Credentials are there, but cannot be read: {error}")
        return Credentials("not_read", f"c2pa cannot read this file: is it what its name says? ({error})")
    if reader is None:
        return Credentials("none", "the file has no Content Credentials: most files have none, and services drop them")
    with reader:
        return _credentials(json.loads(reader.json()), anchors is not None)


def _has_manifest(path: Path) -> bool:
    """Return True if the file contains the type of the box in which manifests are stored."""
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return content.find(STORE) >= 0


def _credentials(store: dict[str, Any], list_given: bool) -> Credentials:
    """Turn the manifest store, as c2pa gives it, into `Credentials`."""
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    signature = manifest.get("signature_info") or {}
    failures = tuple(sorted({one["code"] for one in store.get("validation_status") or ()}))
    state = _state(store.get("validation_state"))
    why = "the signer is not on the trust list" if list_given else "no trust list was given: the signer can be anybody"
    reasons = {
        "trusted": "the file is as it was signed, and the signer is on the trust list",
        "valid": f"the file is as it was signed; {why}",
        "invalid": f"the file is not as it was signed: {', '.join(code for code in failures if code != UNTRUSTED)}",
    }
    return Credentials(
        state=state,
        reason=reasons[state],
        signer=signature.get("common_name") or "",
        issuer=signature.get("issuer") or "",
        signed_at=signature.get("time") or "",
        claim_generator=_program(manifest.get("claim_generator_info")) or manifest.get("claim_generator") or "",
        declared=tuple(_declared(manifest)),
        failures=failures,
    )


def _state(named: str | None) -> State:
    return {"Trusted": "trusted", "Valid": "valid"}.get(named or "", "invalid")  # type: ignore[return-value]


def _declared(manifest: dict[str, Any]) -> Iterator[Declared]:
    """Yield the actions of a manifest, versions 1 and 2."""
    for assertion in manifest.get("assertions") or ():
        if assertion.get("label", "").startswith("c2pa.actions"):
            for action in assertion.get("data", {}).get("actions") or ():
                yield Declared(
                    str(action.get("action", "")),
                    str(action.get("digitalSourceType", "")),
                    _program(action.get("softwareAgent")),
                )


def _program(named: Any) -> str:
    """Return the name and version of a program, which manifests give as text, as an object, or as a list of these."""
    if isinstance(named, list):
        return ", ".join(filter(None, map(_program, named)))
    if isinstance(named, dict):
        return " ".join(str(named[key]) for key in ("name", "version") if named.get(key))
    return str(named or "")
