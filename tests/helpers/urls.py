"""Places for tests of object stores: fsspec's memory, and a server that speaks S3."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch
from urllib.request import Request, urlopen

import pytest

from npvf.io.urls import list_files, read_bytes, upload


@contextmanager
def s3_server(bucket: str = "bucket") -> Iterator[str]:
    """Start moto's server with an empty bucket, as this process and its children see it. Yields the bucket's URL."""
    for package in ("s3fs", "moto.server"):
        pytest.importorskip(package, reason="needs S3: pip install 'npvf[ci]'")
    from importlib import import_module

    server = import_module("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    address = f"http://127.0.0.1:{port}"
    urlopen(Request(f"{address}/moto-api/reset", method="POST")).close()  # an earlier server's buckets are still there
    s3 = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with patch.dict(os.environ, s3):
            fsspec = import_module("fsspec")
            fsspec.filesystem("s3", skip_instance_cache=True).mkdir(bucket)
            yield f"s3://{bucket}"
            fsspec.filesystem("s3").clear_instance_cache()
    finally:
        server.stop()


def put(folder: Path, url: str) -> None:
    """Copy all files of a local folder to a URL."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            upload(path, f"{url}/{path.relative_to(folder).as_posix()}")


def in_store(folder: Path) -> str:
    """A copy of a local folder in fsspec's memory. Returns its URL."""
    url = f"memory://{uuid.uuid4().hex}/{folder.name}"
    put(folder, url)
    return url


def content_at(url: str) -> dict[str, bytes]:
    """The content of every file below a URL, by its name."""
    return {name: read_bytes(f"{url}/{name}") for name in list_files(url)}
