"""Find the videos of a folder, a single file, or a CSV list, as `Source`s in a fixed order.

`npvf.io.remote_sources` does the same for object stores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from npvf.errors import NpvfError, Refused
from npvf.io.annotations import NO_ANNOTATION, Annotation, read_list, read_sidecar
from npvf.io.masks import mask_of

_SUFFIXES = """
    .3gp .asf .avi .divx .f4v .flv .m2ts .m2v .m4v .mkv .mov .mp4 .mpeg .mpg .mpv .mts .mxf .ogm .ogv .ts .vob
    .webm .wmv
"""
VIDEO_SUFFIXES = frozenset(_SUFFIXES.split())


@dataclass(frozen=True, slots=True)
class Source:
    """One input: its id in the corpus, its path, and its annotation.

    `video` is the path relative to the source folder (or as given in the list), with forward slashes. `problem` is the
    error in the annotation, for which the video is refused. `mask` is the mask named by the annotation, or the one that
    `mask_of` finds. `audio` is the file with the audio if it is not in the video.

    Of a video in an object store, `path` and `mask` are only file names; `remote` says where they are
    (`npvf.io.remote_sources`).
    """

    video: str
    path: Path
    annotation: Annotation = NO_ANNOTATION
    problem: Refused | None = None
    mask: Path | None = None
    audio: Path | None = None
    remote: Remote | None = None

    @property
    def place(self) -> str:
        """The path or URL of the video."""
        return str(self.path) if self.remote is None else self.remote.url


@dataclass(frozen=True, slots=True)
class Remote:
    """The place of a video in an object store.

    Attributes:
        url: the video.
        stamp: size in bytes and time of the last change in ns, with those of the mask beside it; None if it
            is missing.
        beside: URLs of other files that belong to it: its mask, its phone times, its transcript.
    """

    url: str
    stamp: tuple[int, int] | None
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """The inputs in order, and the number of other files in the folder."""

    items: list[Source]
    ignored_files: int = 0


def find_sources(
    src: Path, skip: Path | None = None, transcript_of: Callable[[str], str | None] | None = None
) -> Sources:
    """List the videos of a folder and its sub-folders (sorted), of a CSV list (in its order), or a single file.

    Args:
        src: a folder, a `.csv` list or a video file.
        skip: a folder inside `src` to leave out, such as the prepared one.
        transcript_of: maps a file stem to a transcript, for corpora whose file names contain the words.

    Raises:
        NpvfError: `src` does not exist, contains no video, or is a list that cannot be read.
    """
    src = Path(src)
    ignored = 0
    if src.is_dir():
        files = sorted(walk_files(src, skip), key=lambda path: path.relative_to(src).parts)
        videos = [path for path in files if path.suffix.lower() in VIDEO_SUFFIXES and path.name[0] != "."]
        items = [_source(path.relative_to(src).as_posix(), path) for path in videos]
        ignored = len(files) - len(videos)
    elif src.suffix.lower() == ".csv" and src.is_file():
        listed = read_list(src).items()
        items = [_source(Path(name).as_posix(), src.parent / name, row, src.parent) for name, row in listed]
    elif src.is_file():
        items = [_source(src.name, src)]
    else:
        raise NpvfError(f"{src} does not exist. Give a folder of videos, a video, or a .csv list with a column 'path'.")
    if not items:
        raise NpvfError(f"{src} contains no videos (file names ending in {' '.join(sorted(VIDEO_SUFFIXES))}).")
    found = Sources(items, ignored)
    return found if transcript_of is None else with_transcripts(found, transcript_of)


def with_transcripts(sources: Sources, transcript_of: Callable[[str], str | None]) -> Sources:
    """Add the transcripts that file names contain, where no other is known."""
    return replace(sources, items=[_with_transcript(source, transcript_of) for source in sources.items])


def walk_files(folder: Path, skip: Path | None = None) -> Iterator[Path]:
    """Yield all files in a folder and its sub-folders, except those in `skip`."""
    # Corpora often consist of symbolic links, so links are followed, each folder once.
    seen = {skip.resolve()} if skip is not None else set()
    for root, folders, files in os.walk(folder, followlinks=True):
        here = Path(root).resolve()
        if here in seen:
            folders.clear()
            continue
        seen.add(here)
        folders.sort()
        yield from (Path(root, name) for name in files)


def _source(
    video: str, path: Path, listed: Annotation | Refused = NO_ANNOTATION, list_folder: Path | None = None
) -> Source:
    try:
        beside = read_sidecar(path)
    except Refused as refusal:
        return Source(video, path, problem=refusal)
    if isinstance(listed, Refused):
        return Source(video, path, problem=listed)
    known = listed.over(beside)
    folder = path.parent if list_folder is None or listed.mask is None else list_folder
    return Source(video, path, known, mask=mask_of(path) if known.mask is None else folder / known.mask)


def _with_transcript(source: Source, transcript_of: Callable[[str], str | None]) -> Source:
    if source.annotation.transcript is not None:
        return source
    spoken = Annotation(transcript=transcript_of(source.path.stem))
    return replace(source, annotation=spoken.over(source.annotation))
