"""Receive one file over HTTP: its bytes are counted while they arrive, and its first ones are looked at."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import BinaryIO

from fastapi import HTTPException, Request
from starlette.formparsers import MultiPartException, MultiPartParser

from npvf.serve.files import ACCEPTED, HEAD, is_container, shown_name
from npvf.serve.settings import MB, ServeSettings

FORM_BYTES = 100_000  # the lines of the form around the file


async def receive(request: Request, target: Path, settings: ServeSettings) -> str:
    """Write the file of the form to `target`, and return its name for people.

    Raises:
        HTTPException: it is too large (413), too slow (408), not a form with one file (400), or not a video (415).
    """
    limit = settings.max_bytes + FORM_BYTES
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(400, "Send a form (multipart/form-data) with the video in the field 'file'.")
    if int(request.headers.get("content-length") or 0) > limit:
        raise _too_large(settings)
    # FastAPI's own forms are parsed before a route is asked, and without a limit.
    parser = MultiPartParser(request.headers, _counted(request, limit, settings), max_files=1, max_fields=0)
    try:
        async with asyncio.timeout(settings.upload_seconds):
            form = await parser.parse()
    except TimeoutError as error:
        raise HTTPException(408, f"The upload took longer than {settings.upload_seconds:g} s.") from error
    except MultiPartException as error:
        raise HTTPException(400, f"The form cannot be read: {error.message}") from error
    try:
        upload = form.get("file")
        if upload is None or isinstance(upload, str):
            raise HTTPException(400, "The form has no file in its field 'file'.")
        if (upload.size or 0) > settings.max_bytes:
            raise _too_large(settings)
        if not is_container(await upload.read(HEAD)):
            raise HTTPException(415, f"This is not a video that can be read. Accepted are {ACCEPTED}.")
        await upload.seek(0)
        await asyncio.to_thread(_copy, upload.file, target)
        return shown_name(upload.filename)
    finally:
        await form.close()


async def _counted(request: Request, limit: int, settings: ServeSettings) -> AsyncGenerator[bytes, None]:
    count = 0
    async for chunk in request.stream():
        count += len(chunk)
        if count > limit:
            raise _too_large(settings)
        yield chunk


def _copy(source: BinaryIO, target: Path) -> None:
    with target.open("xb") as file:
        shutil.copyfileobj(source, file)


def _too_large(settings: ServeSettings) -> HTTPException:
    return HTTPException(413, f"The file is too large: at most {settings.max_bytes / MB:g} MB.")
