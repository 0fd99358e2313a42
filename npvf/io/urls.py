"""Files in object stores, by URL: `s3://bucket/key`, `gs://...`, and everything else that fsspec opens.

A `Place` is a local path or a URL. A local path never comes here, so that nobody needs fsspec for it; `file://` URLs
become local paths at once (`as_place`). Credentials and endpoints are those that the store's own tools use, such as
AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import unquote, urlsplit

from npvf.errors import MissingDependency, NpvfError

Place = Path | str
"""A local path, or a URL."""

_AT_ONCE = 16  # requests
# In these a file appears when it is complete. Elsewhere it is written under another name and moved.
_WHOLE_WRITES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}


class Listed(NamedTuple):
    """Size in bytes of a file in a listing, and the time of its last change in ns (0 where the store does not say)."""

    size: int
    mtime_ns: int


def is_url(place: Place) -> bool:
    """True for `scheme://...`; a Windows drive is not a scheme."""
    return isinstance(place, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", place) is not None


def as_place(text: Place) -> Place:
    """Return a URL as it is, without a slash at its end, and everything else as a path, `file://` URLs as well."""
    if not is_url(text):
        return Path(text)
    url = str(text)
    if url.startswith("file://"):
        return Path(unquote(urlsplit(url).path))
    return url.rstrip("/")


def join(folder: Place, name: str) -> Place:
    """Return the place of a file in a folder."""
    return folder / name if isinstance(folder, Path) else f"{folder}/{name}"


def file_name(place: Place) -> str:
    """Return the last part of a path or URL."""
    return place.name if isinstance(place, Path) else place.rstrip("/").rpartition("/")[2]


def exists(url: str) -> bool:
    """True if there is a file."""
    with _store(url) as (store, path):
        return bool(store.isfile(path))


def read_bytes(url: str, offset: int = 0, size: int | None = None) -> bytes:
    """Read a file, or `size` bytes of it from `offset` on, and nothing else."""
    with _store(url) as (store, path):
        return bytes(store.cat_file(path, start=offset or None, end=None if size is None else offset + size))


def open_url(url: str) -> BinaryIO:
    """Open a file to read it from its beginning to its end."""
    with _store(url) as (store, path):
        file: BinaryIO = store.open(path=path, mode="rb", cache_type="readahead")
        return file


def download(urls: Sequence[str], folder: Path) -> list[Path]:
    """Copy files of one store into a local folder, under their own names, several at the same time.

    Returns the copies. Files that do not exist are left out.
    """
    places = [folder / file_name(url) for url in urls]
    if not urls:
        return []
    with _store(urls[0]) as (store, _), ThreadPoolExecutor(_AT_ONCE) as pool:
        # fsspec keeps its file systems by thread, so all threads are given this one.
        list(pool.map(partial(_copy, store), urls, places))
    return [place for place in places if place.is_file()]


def _copy(store: Any, url: str, place: Path) -> None:
    try:
        store.get_file(store._strip_protocol(url), str(place))
    except FileNotFoundError:
        place.unlink(missing_ok=True)


def read_all(urls: Sequence[str]) -> list[bytes]:
    """Read small files of one store, several at the same time. Raises FileNotFoundError."""
    if not urls:
        return []
    with _store(urls[0]) as (store, _):
        paths = [store._strip_protocol(url) for url in urls]
        found = store.cat(paths)
        return [bytes(found[path]) for path in paths]


@contextmanager
def local_copy(place: Place) -> Iterator[Path]:
    """A local file itself, or a copy of a URL that is removed afterwards. Raises FileNotFoundError."""
    if not is_url(place):
        yield Path(place)
        return
    with tempfile.TemporaryDirectory(prefix="npvf-") as folder:
        found = download([str(place)], Path(folder))
        if not found:
            raise FileNotFoundError(f"{place} does not exist")
        yield found[0]


def upload(path: Path, url: str) -> None:
    """Copy a file to a URL. It appears there when it is complete."""
    with _store(url) as (store, target):
        protocols = {store.protocol} if isinstance(store.protocol, str) else set(store.protocol)
        if protocols & _WHOLE_WRITES:
            store.put_file(str(path), target)
            return
        store.makedirs(target.rpartition("/")[0], exist_ok=True)
        store.put_file(str(path), f"{target}.tmp")
        store.mv(f"{target}.tmp", target)


def write_bytes(url: str, content: bytes) -> None:
    """Write a small file, over one that is there."""
    with _store(url) as (store, path):
        store.pipe_file(path, content)


def create(url: str, content: bytes) -> bool:
    """Write a small file, unless there is one. Returns True if the file has this content now.

    Of several callers at the same time, one gets True where the store writes on that condition (S3 and Google's do).
    """
    with _store(url) as (store, path):
        try:
            store.pipe_file(path, content, mode="create")
        except Exception:  # each store has its own kind of error for a file that is there
            if not store.exists(path):
                raise
        return bool(store.cat_file(path) == content)


def remove(urls: Sequence[str]) -> None:
    """Remove files of one store, if they are there."""
    if not urls:
        return
    with _store(urls[0]) as (store, _):
        with suppress(FileNotFoundError):
            store.rm([store._strip_protocol(url) for url in urls])
            return
        for url in urls:  # one of them was gone, and perhaps none was removed
            with suppress(FileNotFoundError):
                store.rm_file(store._strip_protocol(url))


def list_files(folder: str, recursive: bool = True) -> dict[str, Listed]:
    """Return the files in a folder, by their names relative to it; empty if there are none."""
    with _store(folder) as (store, path):
        store.invalidate_cache()
        root = path.rstrip("/") + "/"
        try:
            found = store.find(path, maxdepth=None if recursive else 1, detail=True)
        except FileNotFoundError:
            return {}
        files = {name: info for name, info in found.items() if name.startswith(root)}
        return {name.removeprefix(root): Listed(int(info["size"]), _changed(info)) for name, info in files.items()}


def url_hash(url: str) -> str:
    """Return the SHA-256 of the content of a file."""
    digest = hashlib.sha256()
    with open_url(url) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _changed(info: dict[str, Any]) -> int:
    """The time of the last change in ns. Each store has its own name for it."""
    found = next(
        (info[key] for key in ("LastModified", "mtime", "updated", "last_modified", "created") if key in info), 0
    )
    if isinstance(found, str):
        found = datetime.fromisoformat(found)
    seconds = found.timestamp() if isinstance(found, datetime) else found
    return round(seconds * 1e6) * 1000


@contextmanager
def _store(url: str) -> Iterator[tuple[Any, str]]:
    """Return fsspec's file system and the path in it. An error of the store in the block names the URL.

    fsspec keeps file systems by process, so this is cheap, and right in a forked worker.
    """
    try:
        from fsspec.core import url_to_fs

        yield url_to_fs(url)
    except (NpvfError, FileNotFoundError):
        raise
    except ImportError as error:
        raise MissingDependency(f"{url} needs {error.name or 'a package'}: pip install 'npvf[cloud]'") from error
    except Exception as error:  # each store has its own kinds of errors, which need not be OSErrors
        raise NpvfError(
            f"{url} cannot be reached: {error or type(error).__name__}. Check the URL, the credentials and the "
            "endpoint (for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)."
        ) from error
