"""Files that are broken, or made to do harm, cost one line each, with the true reason."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from npvf.clip import SAMPLE_RATE
from npvf.io.corpus import Corpus
from npvf.media.encode import write_video
from npvf.prepare.ingest import IngestSettings
from npvf.prepare.pool import Limits
from npvf.prepare.run import prepare
from tests.helpers.astronaut import scene

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="needs names of any bytes")]


def huge_picture(path: Path, side: int) -> None:
    """A PNG of some bytes that says it has side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9999))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    src = folder / "src"
    src.mkdir()
    audio_N = np.random.default_rng(0).normal(0, 0.1, 2 * SAMPLE_RATE).astype(np.float32)
    write_video(src / "good.mp4", [scene(320, 240)] * 30, audio=audio_N)
    good = (src / "good.mp4").read_bytes()
    (src / "empty.mp4").touch()
    (src / "text.mp4").write_text("not a video", encoding="utf-8")
    (src / "cut.mp4").write_bytes(good[: len(good) // 2])
    flipped = bytearray(good)
    flipped[len(good) // 3 :: 97] = bytes(255 - byte for byte in flipped[len(good) // 3 :: 97])
    (src / "flipped.mp4").write_bytes(flipped)
    huge_picture(src / "huge.mp4", 20_000)
    (src / "loop.mp4").symlink_to("loop.mp4")
    (src / "gone.mp4").symlink_to("nowhere")
    os.mkfifo(src / "pipe.mp4")
    (src / "line\nbreak.mp4").write_bytes(good)
    Path(os.fsdecode(os.fsencode(src) + b"/bytes-\xff.mp4")).write_bytes(good)
    (src / "up").symlink_to(src)
    settings = IngestSettings(phones="voice_activity")
    prepare(src, folder / "out", settings=settings, workers=1, limits=Limits(seconds=120, memory=4 * 2**30))
    return {line["video"]: line for line in Corpus(folder / "out").manifest}


def test_each_file_has_one_line(corpus):
    assert len(corpus) == 11
    assert all(line["status"] == "refused" and line["sentence"] for line in corpus.values())


@pytest.mark.parametrize(
    ("video", "reason"),
    [
        ("empty.mp4", "undecodable"),
        ("text.mp4", "undecodable"),
        ("cut.mp4", "undecodable"),
        ("flipped.mp4", "undecodable"),
        ("huge.mp4", "undecodable"),
        ("loop.mp4", "not_found"),
        ("gone.mp4", "not_found"),
        ("pipe.mp4", "not_found"),
        ("good.mp4", "no_face"),
        ("line\nbreak.mp4", "no_face"),
        ("bytes-\udcff.mp4", "no_face"),
    ],
)
def test_it_is_refused_for_the_true_reason(corpus, video, reason):
    assert corpus[video]["reason"] == reason
