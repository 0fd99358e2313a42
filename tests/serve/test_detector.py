"""The service with the shipped detector: it answers what `npvf detect` answers, and survives files made to do harm."""

from __future__ import annotations

import io
import json
import os
import random
import time
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

pytest.importorskip("fastapi", reason="needs the extra web: pip install 'npvf[web]'")
pytest.importorskip("httpx", reason="needs httpx: pip install httpx")

from fastapi.testclient import TestClient

from npvf.cli.main import main
from npvf.media.encode import write_video
from npvf.serve.app import make_app
from npvf.serve.guard import Access
from npvf.serve.jobs import Jobs
from npvf.serve.settings import ServeSettings

CLIPS = os.environ.get("NPVF_CLIPS")
pytestmark = pytest.mark.slow
LONGEST = 4.0  # seconds of a video


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with Jobs(ServeSettings(max_seconds=LONGEST, job_seconds=120.0, queue=50)) as jobs:
        yield TestClient(make_app(jobs, Access(), page=False), base_url="http://127.0.0.1:7860")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face for two seconds, with a tone."""
    path = tmp_path_factory.mktemp("video") / "face.mp4"
    head = np.ascontiguousarray(data.astronaut()[16:240, 112:336])
    tone_N = 0.3 * np.sin(2 * np.pi * 220 * np.arange(32_000) / 16_000)
    write_video(path, [head] * 50, audio=tone_N.astype(np.float32))
    return path


def judged(client: TestClient, content: bytes, name: str = "a.mp4") -> dict[str, Any]:
    """Send a file, and return its status when it has ended, with the result if there is one."""
    sent = client.post("/api/jobs", files={"file": (name, content)})
    assert sent.status_code == 202, sent.text
    job, end = sent.json()["id"], time.monotonic() + 150
    while (status := client.get(f"/api/jobs/{job}").json())["state"] in ("waiting", "running"):
        assert time.monotonic() < end
        time.sleep(0.05)
    result = client.get(f"/api/jobs/{job}/result")
    return {**status, "result": result.json() if result.status_code == 200 else None}


def detected(path: Path) -> dict[str, Any]:
    with redirect_stdout(io.StringIO()) as out:
        main(["detect", str(path), "--json", "--device", "cpu"])
    return json.loads(out.getvalue())[0]


def test_the_result_is_that_of_npvf_detect(client: TestClient, video: Path) -> None:
    status = judged(client, video.read_bytes(), "my face.mp4")
    assert status["state"] == "done"
    assert status["result"] == {**detected(video), "video": "my face.mp4"}
    report = client.get(f"/api/jobs/{status['id']}/report").text
    assert "my face.mp4" in report and "npvf-serve-" not in report


@pytest.mark.skipif(not CLIPS, reason="set NPVF_CLIPS to a folder with grid/ and wild/")
def test_a_person_who_speaks(client: TestClient) -> None:
    clip = sorted(Path(CLIPS or "", "grid", "speakers").glob("*.mpg"))[0]
    status = judged(client, clip.read_bytes(), clip.name)
    expected = detected(clip)
    assert status["result"]["verdict"] == expected["verdict"]
    assert [f["statement"] for f in status["result"]["findings"]] == [f["statement"] for f in expected["findings"]]


@pytest.mark.parametrize("damage", ["cut", "zeros", "a bit in the header", "many bits"])
def test_damaged_files_are_answered(client: TestClient, video: Path, damage: str) -> None:
    """A damaged copy that still begins like a video ends in a verdict, or in a reason not to give one."""
    content, rng = bytearray(video.read_bytes()), random.Random(damage)
    if damage == "cut":
        del content[len(content) // 2 :]
    elif damage == "zeros":
        content[5000:9000] = bytes(4000)
    else:
        most = 2000 if damage == "a bit in the header" else len(content)
        for _ in range(1 if damage == "a bit in the header" else 300):
            content[rng.randrange(40, most)] ^= 1 << rng.randrange(8)
    status = judged(client, bytes(content))
    assert status["state"] == "done" or status["error"].partition(":")[0] in ("undecodable", "memory_limit")
    if status["result"]:
        assert status["result"]["reason"]


def test_a_video_that_is_longer_than_it_says(client: TestClient, video: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.mp4"
    head = np.ascontiguousarray(data.astronaut()[16:240, 112:336])
    write_video(long, [head] * 150, audio=np.zeros(96_000, np.float32) + 0.1)
    assert judged(client, long.read_bytes())["result"]["reason"].startswith("too_long: ")
    lying = bytearray(long.read_bytes())
    for box in (b"mvhd", b"tkhd", b"mdhd"):
        at = lying.find(box)
        while at >= 0:
            place = at + {b"mvhd": 20, b"tkhd": 24, b"mdhd": 20}[box]  # the duration, in version 0
            lying[place : place + 4] = (100).to_bytes(4)
            at = lying.find(box, at + 4)
    status = judged(client, bytes(lying))
    assert status["state"] == "done" and status["result"]["verdict"] == "abstain"


def test_files_that_are_something_else(client: TestClient, video: Path) -> None:
    """They are given the first bytes of a video, so that the decoder has to see what they are."""
    head = b"\0\0\0\x18ftypisom"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros", bytes(50_000_000))
    secret = f"file '{video}'\n".encode()
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:" + str(video).encode() + b"\n"
    for content in (archive.getvalue(), b"ffconcat version 1.0\n" + secret, playlist, b"<script>alert(1)</script>"):
        status = judged(client, head + bytes(12) + content)
        assert status["result"]["reason"].startswith(("undecodable: ", "no_video_stream: "))


def test_a_track_in_another_file_is_not_opened(client: TestClient, video: Path, tmp_path: Path) -> None:
    """QuickTime can name a file that has the media (a data reference): FFmpeg must not follow it."""
    content = video.read_bytes()
    entry = b"\0\0\0\x0curl \0\0\0\x01"
    assert entry in content
    address = b"file://" + str(video).encode() + b"\0"
    outside = (12 + len(address)).to_bytes(4) + b"url \0\0\0\0" + address
    at = content.index(entry)
    changed = bytearray(content[:at] + outside + content[at + len(entry) :])
    for parent in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        place = changed.rindex(parent, 0, at) - 4
        size = int.from_bytes(changed[place : place + 4])
        changed[place : place + 4] = (size + len(outside) - len(entry)).to_bytes(4)
    status = judged(client, bytes(changed))
    assert status["state"] in ("done", "failed")
    assert str(video) not in json.dumps(status)


def test_afterwards_it_still_judges(client: TestClient, video: Path) -> None:
    assert judged(client, video.read_bytes())["state"] == "done"
    assert client.get("/api/health").status_code == 200
