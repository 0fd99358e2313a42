"""Find videos in an object store: the files below a URL, or the rows of a CSV list that are URLs.

A listing says what there is, and sidecars are read with it; a video itself is fetched when it is its turn, into a
folder that goes afterwards (`on_this_machine`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from npvf.errors import NpvfError, Refused
from npvf.io.annotations import NO_ANNOTATION, Annotation, parse_sidecar, read_list
from npvf.io.masks import SUFFIX as MASK
from npvf.io.sources import VIDEO_SUFFIXES, Remote, Source, Sources, find_sources, with_transcripts
from npvf.io.urls import Listed, Place, download, file_name, is_url, list_files, local_copy, read_all, read_bytes

# What preparation looks for beside a video (`npvf.speech.sources`), apart from the sidecar.
_BESIDE = (MASK, ".phones.json", ".TextGrid", ".ctm", ".txt")


def find_sources_at(
    src: Place, skip: Place | None = None, transcript_of: Callable[[str], str | None] | None = None
) -> Sources:
    """Like `find_sources`, for a local path or a URL; the rows of a CSV list may be URLs as well.

    Raises:
        NpvfError: there is no video, a list cannot be read, or the store cannot be reached.
    """
    if isinstance(src, Path) and not _lists_urls(src):
        return find_sources(src, skip=skip if isinstance(skip, Path) else None, transcript_of=transcript_of)
    if file_name(src).lower().endswith(".csv"):
        found = Sources(_listed(src))
    else:
        found = _below(str(src), str(skip) if skip is not None and is_url(skip) else None)
    if not found.items:
        raise NpvfError(f"{src} contains no videos (file names ending in {' '.join(sorted(VIDEO_SUFFIXES))}).")
    return found if transcript_of is None else with_transcripts(found, transcript_of)


@contextmanager
def on_this_machine(source: Source, folder: Path | None = None) -> Iterator[Source]:
    """A source itself, or with copies of its files in a new folder in `folder` that are removed afterwards.

    Without `folder` they are where this machine has its temporary files.

    If the video is not there any more, its path does not exist.
    """
    if source.remote is None:
        yield source
        return
    with tempfile.TemporaryDirectory(dir=folder, prefix="fetched-") as here:
        download([source.remote.url, *source.remote.beside], Path(here))
        yield replace(
            source,
            path=Path(here) / source.path,
            mask=None if source.mask is None else Path(here) / source.mask,
        )


def _below(url: str, skip: str | None) -> Sources:
    """All videos below a URL in the order of their names, or the one at the URL."""
    files = list_files(url)
    if skip is not None and skip.startswith(url + "/"):
        files = {
            name: listed for name, listed in files.items() if not name.startswith(skip.removeprefix(url + "/") + "/")
        }
    if not files:
        folder, _, name = url.rpartition("/")
        files = list_files(folder, recursive=False)
        names = [name] if name in files else []
        return Sources([_source(name, folder, name, files) for name in names])
    names = sorted((name for name in files if _is_video(name)), key=lambda name: name.split("/"))
    beside = [sidecar for name in names if (sidecar := _sidecar(name)) in files]
    said = dict(zip(beside, read_all([f"{url}/{sidecar}" for sidecar in beside]), strict=True))
    return Sources([_source(name, url, name, files, said=said) for name in names], len(files) - len(names))


def _listed(src: Place) -> list[Source]:
    """The rows of a list. A name without scheme is relative to the list."""
    with local_copy(src) as path:
        rows = read_list(path)
    folder = src.parent if isinstance(src, Path) else src.rpartition("/")[0]
    files_in = lru_cache(maxsize=16)(lambda parent: list_files(parent, recursive=False))
    items = []
    for name, row in rows.items():
        url = name if is_url(name) else f"{folder}/{name}"
        if not is_url(url):
            raise NpvfError(f"{src} lists URLs and local files ({name}). Make a list of each.")
        parent, _, last = url.rpartition("/")
        items.append(_source(name, parent, last, files_in(parent), row))
    return items


def _lists_urls(src: Path) -> bool:
    """True for a CSV list of which a row is a URL."""
    if src.suffix.lower() != ".csv" or not src.is_file():
        return False
    with src.open(encoding="utf-8-sig", errors="replace") as file:
        return any("://" in row for row in file) and any(map(is_url, read_list(src)))


def _source(
    video: str,
    folder: str,
    name: str,
    files: dict[str, Listed],
    listed: Annotation | Refused = NO_ANNOTATION,
    said: Mapping[str, bytes] | None = None,
) -> Source:
    """The video `name` of a folder with these `files`. Its sidecar is read unless `said`, sidecars by name, has it."""
    stem, path = name.rpartition(".")[0], Path(file_name(name))
    beside = tuple(f"{stem}{suffix}" for suffix in _BESIDE if f"{stem}{suffix}" in files)
    remote = Remote(f"{folder}/{name}", _stamp(name, stem, files), tuple(f"{folder}/{other}" for other in beside))
    beside_it, sidecar = NO_ANNOTATION, _sidecar(name)
    try:
        if sidecar in files:
            content = said[sidecar] if said is not None else read_bytes(f"{folder}/{sidecar}")
            beside_it = parse_sidecar(content, file_name(sidecar))
    except Refused as refusal:
        return Source(video, path, problem=refusal, remote=remote)
    if isinstance(listed, Refused):
        return Source(video, path, problem=listed, remote=remote)
    known = listed.over(beside_it)
    if known.mask is not None:
        parent = f"{folder}/{name}".rpartition("/")[0]
        remote = replace(remote, beside=(*remote.beside, f"{parent}/{known.mask}"))
        return Source(video, path, known, mask=Path(file_name(known.mask)), remote=remote)
    mask = f"{stem}{MASK}"
    return Source(video, path, known, mask=Path(file_name(mask)) if mask in files else None, remote=remote)


def _stamp(name: str, stem: str, files: dict[str, Listed]) -> tuple[int, int] | None:
    if name not in files:
        return None
    found = [files[one] for one in (name, f"{stem}{MASK}") if one in files]
    return sum(one.size for one in found), max(one.mtime_ns for one in found)


def _sidecar(name: str) -> str:
    return f"{name.rpartition('.')[0]}.meta.json"


def _is_video(name: str) -> bool:
    last = file_name(name)
    return Path(last).suffix.lower() in VIDEO_SUFFIXES and last[0] != "."
