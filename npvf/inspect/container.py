"""Describe the container of a file: brands, times, tracks with their edits and chunks, tags."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from av.container import InputContainer

from npvf.inspect.boxes import Box, BoxTree, find

EPOCH = datetime(1904, 1, 1, tzinfo=UTC)  # of MP4 and QuickTime
LANGUAGES = {"vide": "video", "soun": "audio"}


@dataclass(frozen=True, slots=True)
class Edit:
    """One row of an edit list: `seconds` of the track from `media_start` on; None: nothing is shown."""

    seconds: float
    media_start: float | None
    rate: float


@dataclass(frozen=True, slots=True)
class Track:
    """A track of an MP4 file. Times are those of the file; None: the file says zero."""

    id: int
    kind: str  # video, audio, or the handler's four letters
    handler: str  # the handler's name, often the name of a program
    sample_entry: str  # four letters, such as avc1
    created: str | None
    modified: str | None
    seconds: float  # of its media, before the edit list
    edits: tuple[Edit, ...]
    chunks: int


@dataclass(frozen=True, slots=True)
class Container:
    """The container of a file. Everything but `format` and `tags` is known of MP4 and QuickTime files only.

    Attributes:
        format: FFmpeg's name.
        major_brand, minor_version, compatible_brands: of the box `ftyp`; "" and () without one.
        created, modified: of the movie header, UTC; None: not given, or zero.
        index_first: the index (`moov`) stands before the media data, as for streaming. None: one of them is missing.
        fragments: number of movie fragments; 0: one index describes the whole file.
        chunk_runs: how often the file changes between a chunk of one track and one of another, plus one.
        tracks: in the order of the file.
        boxes: the box tree.
        damage: places where the box tree is broken.
        tags: what the container says of itself, under its own names.
    """

    format: str
    tags: dict[str, str]
    major_brand: str = ""
    minor_version: int | None = None
    compatible_brands: tuple[str, ...] = ()
    created: str | None = None
    modified: str | None = None
    index_first: bool | None = None
    fragments: int = 0
    chunk_runs: int | None = None
    tracks: tuple[Track, ...] = ()
    boxes: tuple[Box, ...] = ()
    damage: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return everything; the boxes as a nested list."""
        facts = {name: getattr(self, name) for name in self.__slots__ if name not in ("boxes", "tracks")}
        tracks, boxes = [asdict(track) for track in self.tracks], [box.to_json() for box in self.boxes]
        return facts | {"tracks": tracks, "boxes": boxes}


def describe_container(container: InputContainer, tree: BoxTree) -> Container:
    """Describe the container of an opened file."""
    tags = dict(container.metadata)
    if not tree.boxes:
        return Container(container.format.name, tags)
    brand, version, brands = _brands(tree)
    created, modified, tick = _header(tree, next(tree.find("moov", "mvhd"), None))
    tracks = [_track(tree, box, tick) for box in tree.find("moov", "trak")]
    order = [box.type for box in tree.boxes]
    return Container(
        format=container.format.name,
        tags=tags,
        major_brand=brand,
        minor_version=version,
        compatible_brands=brands,
        created=created,
        modified=modified,
        index_first=order.index("moov") < order.index("mdat") if {"moov", "mdat"} <= {*order} else None,
        fragments=order.count("moof"),
        chunk_runs=_runs(tree),
        tracks=tuple(tracks),
        boxes=tree.boxes,
        damage=tuple(tree.damage),
    )


def tree_of_types(boxes: Iterable[Box]) -> str:
    """Return the tree in one line, such as "ftyp moov(mvhd trak(...) udta) mdat"; equal neighbours are counted."""
    words = []
    for text, same in groupby(f"{b.type}({tree_of_types(b.children)})" if b.children else b.type for b in boxes):
        count = len([*same])
        words.append(f"{count} x {text}" if count > 1 else text)
    return " ".join(words)


def _brands(tree: BoxTree) -> tuple[str, int | None, tuple[str, ...]]:
    box = next(tree.find("ftyp"), None)
    content = tree.payload(box) if box else b""
    if len(content) < 8:
        return "", None, ()
    others = (content[at : at + 4] for at in range(8, len(content) - 3, 4))
    return _text(content[:4]), int.from_bytes(content[4:8]), tuple(_text(brand) for brand in others if any(brand))


def _header(tree: BoxTree, box: Box | None) -> tuple[str | None, str | None, int]:
    """Return the creation and modification times and the ticks in a second of `mvhd` or `mdhd`."""
    numbers = _numbers(tree.payload(box) if box else b"", ">QQI", ">III")
    if numbers is None:
        return None, None, 0
    created, modified, tick = numbers
    return _time(created), _time(modified), tick


def _track(tree: BoxTree, trak: Box, movie_tick: int) -> Track:
    def first(*types: str) -> bytes:
        box = next(find(trak.children, *types), None)
        return tree.payload(box) if box else b""

    times = _numbers(first("tkhd"), ">QQI", ">III") or (0, 0, 0)
    ticks = _numbers(first("mdia", "mdhd"), ">QQIQ", ">IIII") or (0, 0, 0, 0)
    handler, entry = first("mdia", "hdlr"), first("mdia", "minf", "stbl", "stsd")
    kind = _text(handler[8:12])
    offsets = _offsets(tree, trak)
    return Track(
        id=times[2],
        kind=LANGUAGES.get(kind, kind),
        handler=_handler_name(handler[24:]),
        sample_entry=_text(entry[12:16]),
        created=_time(times[0]),
        modified=_time(times[1]),
        seconds=ticks[3] / ticks[2] if ticks[2] else 0.0,
        edits=tuple(_edits(first("edts", "elst"), movie_tick, ticks[2])),
        chunks=len(offsets),
    )


def _edits(content: bytes, movie_tick: int, media_tick: int) -> Iterator[Edit]:
    """Yield the rows of `elst`."""
    if len(content) < 8 or not movie_tick or not media_tick:
        return
    row = struct.Struct(">QqhH" if content[0] == 1 else ">IihH")
    rows = min(int.from_bytes(content[4:8]), (len(content) - 8) // row.size)
    for seconds, start, rate, part in row.iter_unpack(content[8 : 8 + rows * row.size]):
        yield Edit(seconds / movie_tick, None if start < 0 else start / media_tick, rate + part / 65536)


def _offsets(tree: BoxTree, trak: Box) -> list[int]:
    """Return the offsets of a track's chunks in the file."""
    for name, letter, width in (("stco", "I", 4), ("co64", "Q", 8)):
        for box in find(trak.children, "mdia", "minf", "stbl", name):
            content = tree.payload(box)
            count = min(int.from_bytes(content[4:8]), max(0, len(content) - 8) // width)
            return [*struct.unpack(f">{count}{letter}", content[8 : 8 + count * width])]
    return []


def _runs(tree: BoxTree) -> int | None:
    """Count the runs of chunks of one track, in the order of the file. None: fewer than two tracks have chunks."""
    traks = [*tree.find("moov", "trak")]
    chunks = sorted((offset, track) for track, trak in enumerate(traks) for offset in _offsets(tree, trak))
    if len(Counter(track for _, track in chunks)) < 2:
        return None
    return sum(1 for _ in groupby(track for _, track in chunks))


def _numbers(content: bytes, long: str, short: str) -> tuple[int, ...] | None:
    """Return the numbers after the version and flags of a full box; version 1 has times of 64 bits."""
    layout = struct.Struct(long if content[:1] == b"\1" else short)
    return None if len(content) < 4 + layout.size else layout.unpack_from(content, 4)


def _time(seconds: int) -> str | None:
    if seconds == 0:
        return None
    try:
        return (EPOCH + timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return f"{seconds} s after 1904"


def _handler_name(content: bytes) -> str:
    """Return the name in `hdlr`. In MP4 it ends with a zero byte, in QuickTime its length stands before it."""
    if content and content[0] == len(content) - 1:
        content = content[1:]
    return content.split(b"\0")[0].decode("utf-8", "replace").strip()


def _text(content: bytes) -> str:
    return content.decode("latin-1").strip()
