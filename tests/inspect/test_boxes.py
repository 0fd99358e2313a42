"""The box tree: complete files, damaged ones, and ones made to exhaust a reader."""

import struct

import pytest

from npvf.inspect import boxes
from npvf.inspect.boxes import read_boxes
from npvf.inspect.container import tree_of_types
from tests.helpers.media_maker import make


def box(kind: bytes, content: bytes = b"", size: int | None = None) -> bytes:
    return struct.pack(">I4s", 8 + len(content) if size is None else size, kind) + content


def read(path, content: bytes):
    path.write_bytes(content)
    return read_boxes(path)


def test_the_boxes_cover_the_file(tmp_path):
    path = make(tmp_path / "a.mp4")
    tree = read_boxes(path)
    assert [one.type for one in tree.boxes] == ["ftyp", "free", "mdat", "moov"]
    assert tree.boxes[0].offset == 0 and tree.boxes[-1].end == path.stat().st_size
    assert all(first.end == second.offset for first, second in zip(tree.boxes, tree.boxes[1:], strict=False))
    assert tree.damage == []
    (entry,) = tree.find("moov", "trak", "mdia", "minf", "stbl", "stsd")
    assert b"avc1" in tree.payload(entry)


def test_sizes_of_64_bits_and_to_the_end_of_the_file(tmp_path):
    large = struct.pack(">I4sQ", 1, b"mdat", 20) + b"abcd"
    tree = read(tmp_path / "a.mp4", box(b"ftyp", b"isom\0\0\0\0") + large + box(b"free", b"xyz", size=0))
    assert [(one.type, one.size, one.header) for one in tree.boxes] == [
        ("ftyp", 16, 8),
        ("mdat", 20, 16),
        ("free", 11, 8),
    ]
    assert tree.payload(tree.boxes[1]) == b"abcd" and tree.damage == []


def test_a_file_cut_off_says_where(tmp_path):
    whole = make(tmp_path / "a.mp4", container_options={"movflags": "faststart"}).read_bytes()
    tree = read(tmp_path / "cut.mp4", whole[:-500])
    assert len(tree.damage) == 1 and "the box 'mdat' at" in tree.damage[0] and "the file has only" in tree.damage[0]
    assert tree.boxes[-1].end == len(whole) - 500


def test_a_child_larger_than_its_parent(tmp_path):
    tree = read(tmp_path / "a.mp4", box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", box(b"mvhd", b"1234", size=99)))
    assert tree_of_types(tree.boxes) == "ftyp moov(mvhd)"
    assert tree.damage == ["the box 'mvhd' at 24 declares 99 bytes, but the box 'moov' at 16 has only 12 from there on"]


def test_rubbish_after_the_boxes(tmp_path):
    tree = read(tmp_path / "a.mp4", box(b"ftyp", b"isom\0\0\0\0") + bytes(range(0, 30)))
    assert tree_of_types(tree.boxes) == "ftyp"
    assert "are not a box" in tree.damage[0]


def test_deep_and_many_boxes_end(tmp_path, monkeypatch):
    deep = b""
    for _ in range(100):
        deep = box(b"moov", deep)
    assert any("deeper" in sentence for sentence in read(tmp_path / "a.mp4", box(b"ftyp") + deep).damage)
    monkeypatch.setattr(boxes, "MOST_BOXES", 50)
    tree = read(tmp_path / "b.mp4", box(b"ftyp") + box(b"free") * 99)
    assert len(tree.boxes) == 50 and tree.damage == ["the file has more than 50 boxes; the rest is not read"]


@pytest.mark.parametrize("content", [b"", b"RIFF1234AVI ", b"\x1aE\xdf\xa3", b"text"])
def test_other_files_have_no_boxes(tmp_path, content):
    tree = read(tmp_path / "a.bin", content)
    assert tree.boxes == () and tree.damage == []


def test_equal_neighbours_are_counted(tmp_path):
    content = box(b"ftyp") + 3 * box(b"moof", box(b"traf")) + box(b"mdat")
    assert tree_of_types(read(tmp_path / "a.mp4", content).boxes) == "ftyp 3 x moof(traf) mdat"
