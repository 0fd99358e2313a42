"""Read the box tree of an MP4 or QuickTime file (ISO/IEC 14496-12, sections 4.2 and 8).

It is our own because the one parser on PyPI, pymp4, had its last release in 2023. Only headers are read, and a damaged
tree is described instead of refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

# Boxes that consist of boxes. `meta` has four bytes before them in MP4, and none in QuickTime.
PARENTS = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"udta", b"meta", b"mvex", b"moof", b"traf"}
FIRST = {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"sidx", b"moof"}
MOST_BOXES = 100_000  # a longer list is not made by a camera or a converter, but to exhaust a reader
DEEPEST = 16  # levels; real files have 8
MOST_BYTES = 1 << 26  # of one box in memory: the sample sizes of 150 hours


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its four-letter type, where its header begins, the bytes of header and whole box, and its children."""

    type: str
    offset: int
    header: int
    size: int
    children: tuple[Box, ...] = ()

    @property
    def end(self) -> int:
        """The offset of the first byte after the box."""
        return self.offset + self.size

    def to_json(self) -> dict[str, Any]:
        """Return type, offset, size, and the children if there are some."""
        found: dict[str, Any] = {"type": self.type, "offset": self.offset, "size": self.size}
        return found | ({"children": [child.to_json() for child in self.children]} if self.children else {})


@dataclass(slots=True)
class BoxTree:
    """The boxes of a file, from the first byte on.

    Attributes:
        path: the file.
        boxes: the boxes of the top level; empty if the file is not an MP4 or QuickTime file.
        damage: places where a box does not fit into its parent or the file, a sentence each.
    """

    path: Path
    boxes: tuple[Box, ...] = ()
    damage: list[str] = field(default_factory=list)

    def find(self, *types: str) -> Iterator[Box]:
        """Yield the boxes at the end of a path such as "moov", "trak"."""
        yield from find(self.boxes, *types)

    def payload(self, box: Box) -> bytes:
        """Return the bytes of a box after its header; no more than 64 MiB of them."""
        with self.path.open("rb") as file:
            file.seek(box.offset + box.header)
            return file.read(min(box.size - box.header, MOST_BYTES))


def find(boxes: Sequence[Box], *types: str) -> Iterator[Box]:
    """Yield the boxes at the end of a path of types, which begins among `boxes`."""
    first, *rest = types
    for box in boxes:
        if box.type == first:
            yield from find(box.children, *rest) if rest else [box]


def read_boxes(path: Path) -> BoxTree:
    """Read the box tree of a file. A file of another format has none."""
    tree = BoxTree(path)
    with path.open("rb") as file:
        if file.read(8)[4:] in FIRST:
            tree.boxes = _Reader(file, tree.damage).read(0, path.stat().st_size, "the file")
    return tree


class _Reader:
    def __init__(self, file: BinaryIO, damage: list[str]) -> None:
        self.file, self.damage, self.left = file, damage, MOST_BOXES

    def read(self, start: int, end: int, parent: str, depth: int = 0) -> tuple[Box, ...]:
        """Read the boxes between two offsets, and what is in them."""
        boxes: list[Box] = []
        # QuickTime ends `udta` with four zero bytes.
        while end - start >= 8 and self.left > 0:
            self.left -= 1
            box = self._box(start, end, parent, depth)
            if box is None:
                return tuple(boxes)
            boxes.append(box)
            start = box.end
        if self.left <= 0 and len(self.damage) < 9:
            self.damage.append(f"{parent} has more than {MOST_BOXES} boxes; the rest is not read")
        elif 4 < end - start < 8:
            self.damage.append(f"{end - start} bytes at the end of {parent} are not a box")
        return tuple(boxes)

    def _box(self, start: int, end: int, parent: str, depth: int) -> Box | None:
        self.file.seek(start)
        size, kind = struct.unpack(">I4s", self.file.read(8))
        header = 8
        if size == 1 and end - start >= 16:
            (size,), header = struct.unpack(">Q", self.file.read(8)), 16
        elif size == 0:  # up to the end of the file
            size = end - start
        name = kind.decode("latin-1")
        if size < header or not name.isprintable():
            self.damage.append(f"the {end - start} bytes from {start} on, in {parent}, are not a box")
            return None
        if size > end - start:
            self.damage.append(
                f"the box '{name}' at {start} declares {size} bytes, but {parent} has only {end - start} from there on"
            )
            size = end - start
        children: tuple[Box, ...] = ()
        if kind in PARENTS and depth >= DEEPEST:
            self.damage.append(f"the box '{name}' at {start} lies deeper than {DEEPEST} others; it is not opened")
        elif kind in PARENTS and size > header:
            inside = start + header
            if kind == b"meta" and self._peek(inside + 4) != b"hdlr":
                inside += 4
            children = self.read(inside, start + size, f"the box '{name}' at {start}", depth + 1)
        return Box(name, start, header, size, children)

    def _peek(self, at: int) -> bytes:
        self.file.seek(at)
        return self.file.read(4)
