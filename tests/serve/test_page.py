"""The page in a real browser, with work that is quick."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest

pytest.importorskip("gradio", reason="needs the extra web and playwright")

import gradio.processing_utils
import uvicorn

from npvf.serve.app import make_app
from npvf.serve.guard import Access
from npvf.serve.jobs import Jobs
from npvf.serve.settings import ServeSettings
from tests.helpers.quick_work import MP4, quick_work

httpx = pytest.importorskip("httpx", reason="needs httpx: pip install httpx")
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = which("chromium")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")]
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
SECONDS = 60_000  # milliseconds that something on the page may take at most; a busy machine needs 20 s


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Serve the page at a free port; the address."""
    with Jobs(ServeSettings(queue=3, max_bytes=1_000_000), quick_work) as jobs:
        server = uvicorn.Server(uvicorn.Config(make_app(jobs, Access()), "127.0.0.1", 0, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *CAMERA])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, service: str) -> Iterator[Any]:
    """The page. Nothing is asked of another host, and no script fails, but that of the stub's report."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(service)
    page.wait_for_selector("#field-one .npvf-drop", timeout=SECONDS)
    yield page
    page.close()
    assert asked and not [url for url in asked if not url.startswith((service, "data:", "blob:"))]
    assert errors == []


def file(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def choose(page: Any, path: str, place: str = "one") -> None:
    page.set_input_files(f"#field-{place} input[type=file]", path)


def card(page: Any, state: str, place: str = "one") -> Any:
    return page.wait_for_selector(f"#card-{place} [data-state={state}]", timeout=SECONDS)


def test_from_upload_to_report_and_downloads(page: Any, service: str, tmp_path: Path) -> None:
    name = "a ${alert(1)} {{7*7}} <img src=x onerror=alert(1)>.mp4"
    choose(page, file(tmp_path, name, MP4))
    done = card(page, "done")
    assert name in done.inner_text() and "No sign of a forgery" in done.inner_text()
    assert page.locator("#card-one img").count() == 0
    report = page.frame_locator("#card-one iframe").locator("body")
    report.wait_for(timeout=SECONDS)
    assert report.inner_text() == str(len(MP4))
    assert "allow-same-origin" not in page.get_attribute("#card-one iframe", "sandbox")
    for button, ending in (("JSON", "json"), ("Bundle", "zip"), ("Report", "html")):
        with page.expect_download(timeout=SECONDS) as download:
            page.click(f"#card-one a[download]:text-is('{button}')")
        assert download.value.suggested_filename.endswith(f".npvf.{ending}")
    job = done.get_attribute("data-job")
    page.click("#card-one [data-delete]")
    page.wait_for_selector("text=Deleted.", timeout=SECONDS)
    assert httpx.get(f"{service}/api/jobs/{job}").status_code == 404


def test_a_wrong_file_is_refused_and_the_next_one_is_judged(page: Any, tmp_path: Path) -> None:
    choose(page, file(tmp_path, "page.mp4", b"<!doctype html><script>alert(1)</script>"))
    page.wait_for_selector(".npvf-problem:has-text('not a video')", timeout=SECONDS)
    choose(page, file(tmp_path, "large.mp4", MP4 + bytes(1_000_001)))
    page.wait_for_selector(".npvf-problem:has-text('at most 1 MB')", timeout=SECONDS)
    choose(page, file(tmp_path, "fails.mp4", MP4 + b"crash"))
    assert "undecodable" in card(page, "failed").inner_text()
    choose(page, file(tmp_path, "clip.mp4", MP4))
    card(page, "done")
    assert page.inner_text("#field-one .npvf-problem") == ""


def test_two_files_are_compared(page: Any, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Compare two files").click()
    choose(page, file(tmp_path, "first.mp4", MP4 + b"1"), "left")
    choose(page, file(tmp_path, "second.mp4", MP4 + b"22"), "right")
    table = page.wait_for_selector("#comparison table", timeout=SECONDS)
    rows = [row.split("\t") for row in table.inner_text().splitlines()]
    assert rows[0][1:] == ["first.mp4", "second.mp4"]
    assert rows[-1] == ["length", f"{len(MP4) + 1} bytes", f"{len(MP4) + 2} bytes"]


def test_two_people_at_once(page: Any, browser: Any, service: str, tmp_path: Path) -> None:
    """Each sees the own file; the second one waits, and moves up when the first one is stopped."""
    choose(page, file(tmp_path, "mine.mp4", MP4 + b"sleep"))
    assert "Find the faces" in card(page, "running").inner_text()
    other = browser.new_page()
    other.goto(service)
    other.wait_for_selector("#field-one .npvf-drop", timeout=SECONDS)
    choose(other, file(tmp_path, "yours.mp4", MP4))
    assert "the next one" in card(other, "waiting").inner_text()
    page.click("#card-one [data-delete]")
    assert "yours.mp4" in card(other, "done").inner_text()
    assert "yours.mp4" not in page.inner_text("#card-one")
    other.close()


def test_a_full_queue_is_told(page: Any, service: str, tmp_path: Path) -> None:
    sent = [httpx.post(f"{service}/api/jobs", files={"file": ("a.mp4", MP4 + b"sleep")}) for _ in range(5)]
    choose(page, file(tmp_path, "clip.mp4", MP4))
    page.wait_for_selector(".npvf-problem:has-text('queue is full')", timeout=SECONDS)
    for answer in sent:
        if answer.status_code == 202:
            httpx.delete(f"{service}/api/jobs/{answer.json()['id']}")


def test_the_camera_records_a_video(page: Any) -> None:
    page.click("#field-one [data-do=camera]")
    page.wait_for_selector(".npvf-clock:has-text('1 s')", timeout=SECONDS)
    page.click("#field-one [data-do=stop]")
    assert "recording." in card(page, "done").inner_text()


def test_the_page_fits_a_phone(page: Any, tmp_path: Path) -> None:
    choose(page, file(tmp_path, "a-very-long-name-without-a-space-in-it-" * 3 + ".mp4", MP4))
    card(page, "done")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    "path",
    [
        "docs",
        "gradio_api/file=/etc/passwd",
        "gradio_api/proxy=http://127.0.0.1:1/",
        "gradio_api/vibe-code/",
        "monitoring",
    ],
)
def test_gradio_has_no_other_door(service: str, path: str) -> None:
    assert httpx.get(f"{service}/{path}").status_code == 404
    assert httpx.post(f"{service}/gradio_api/upload", files={"files": MP4}).status_code == 404


def test_gradio_fetches_nothing(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client can call it a file, and give an address: Gradio would fetch it."""
    fetched: list[str] = []

    async def fetch(url: str, *_: object, **__: object) -> str:
        fetched.append(url)
        return "/nowhere"

    monkeypatch.setattr(gradio.processing_utils, "async_ssrf_protected_download", fetch)
    address = {"path": "http://192.0.2.1/x", "url": "http://192.0.2.1/x", "meta": {"_type": "gradio.FileData"}}
    config = httpx.get(f"{service}/config").json()
    for dependency in config["dependencies"]:
        call = {"data": [address] * len(dependency["inputs"]), "fn_index": dependency["id"], "session_hash": "abcdefgh"}
        httpx.post(f"{service}/gradio_api/queue/join", json=call).raise_for_status()
    ended = 0
    with httpx.stream("GET", f"{service}/gradio_api/queue/data?session_hash=abcdefgh", timeout=20) as stream:
        for line in stream.iter_lines():
            message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
            if message.get("msg") == "process_completed":
                assert not message["success"]
                ended += 1
            if ended == len(config["dependencies"]):
                break
    assert ended and fetched == []
