"""The HTTP API, with work that is quick: answers, refusals, the token, and what a browser is told about a report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra web: pip install 'npvf[web]'")
pytest.importorskip("httpx", reason="needs httpx: pip install httpx")

from fastapi.testclient import TestClient

from npvf.serve.app import make_app
from npvf.serve.files import shown_name
from npvf.serve.guard import Access, is_local
from npvf.serve.jobs import Jobs
from npvf.serve.settings import ServeSettings
from tests.helpers.quick_work import MP4, quick_work

LOCAL = "http://127.0.0.1:7860"


@contextmanager
def service(token: str | None = None, base_url: str = LOCAL, **limits: Any) -> Iterator[TestClient]:
    with Jobs(ServeSettings(**limits), quick_work) as jobs:
        yield TestClient(make_app(jobs, Access(token), page=False), base_url=base_url)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with service(max_bytes=1_000_000) as client:
        yield client


def send(client: TestClient, content: bytes = MP4, name: str = "clip.mp4", **options: Any) -> Any:
    return client.post("/api/jobs", files={"file": (name, content, "video/mp4")}, **options)


def finished(client: TestClient, job: str, **options: Any) -> dict[str, Any]:
    end = time.monotonic() + 20
    while (status := client.get(f"/api/jobs/{job}", **options).json())["state"] in ("waiting", "running"):
        assert time.monotonic() < end
        time.sleep(0.02)
    return status


def test_from_upload_to_result(client: TestClient) -> None:
    sent = send(client)
    assert sent.status_code == 202
    job = sent.json()["id"]
    assert sent.headers["location"] == f"/api/jobs/{job}"
    status = finished(client, job)
    assert (status["state"], status["name"], status["error"], status["position"]) == ("done", "clip.mp4", "", None)
    result = client.get(f"/api/jobs/{job}/result")
    assert result.json()["verdict"] == "real" and result.headers["cache-control"] == "no-store"
    bundle = client.get(f"/api/jobs/{job}/bundle")
    assert bundle.content == b"PK" and bundle.headers["content-disposition"] == 'attachment; filename="clip.npvf.zip"'
    assert client.delete(f"/api/jobs/{job}").status_code == 204
    for path in ("", "/result", "/report", "/bundle"):
        assert client.get(f"/api/jobs/{job}{path}").status_code == 404


def test_a_report_is_fenced_in(client: TestClient) -> None:
    job = send(client).json()["id"]
    finished(client, job)
    report = client.get(f"/api/jobs/{job}/report")
    policy = report.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts") and "allow-same-origin" not in policy
    assert "default-src 'none'" in policy and "script-src 'sha256-" in policy
    assert report.headers["x-content-type-options"] == "nosniff"
    saved = client.get(f"/api/jobs/{job}/report?download=true")
    assert saved.headers["content-disposition"] == 'attachment; filename="clip.npvf.html"'


@pytest.mark.parametrize(
    ("content", "name", "status"),
    [
        (b"<!doctype html><script>alert(1)</script>", "a.mp4", 415),
        (b"PK\3\4" + b"\0" * 999, "bomb.mp4", 415),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "a.mp4", 415),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "a.mp4", 415),
        (b"v=0\nc=IN IP4 10.0.0.1\nm=video 1 RTP/AVP 96\n", "a.mp4", 415),
        (b"", "a.mp4", 415),
        (MP4 + b"\0" * 1_000_000, "large.mp4", 413),
        (MP4 + b"\0" * 3_000_000, "larger.mp4", 413),
    ],
    ids=["html", "zip", "m3u8", "concat", "sdp", "empty", "large", "larger"],
)
def test_what_is_not_accepted(client: TestClient, content: bytes, name: str, status: int) -> None:
    answer = send(client, content, name)
    assert answer.status_code == status and answer.json()["detail"]


def test_bytes_are_counted_while_they_arrive(client: TestClient) -> None:
    """Nothing says how long a chunked body is: it is refused at the limit, not at its end."""
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n' + MP4
        for _ in range(100):
            taken += 1
            yield b"\0" * 100_000

    answer = client.post("/api/jobs", content=endless(), headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "request_",
    [
        {"content": b"abc"},
        {"data": {"file": "text"}},
        {"files": [("file", ("a.mp4", MP4)), ("file", ("b.mp4", MP4))]},
        {"files": {"other": ("a.mp4", MP4)}},
        {"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data; boundary=y"}},
        {"content": b"", "headers": {"content-type": "multipart/form-data"}},
    ],
    ids=["raw", "field", "two", "other name", "broken", "no boundary"],
)
def test_forms_that_are_wrong(client: TestClient, request_: dict[str, Any]) -> None:
    answer = client.post("/api/jobs", **request_)
    assert answer.status_code == 400 and answer.json()["detail"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/x\n<b>.mp4", "x<b>.mp4"),
        ("C:\\clips\\a.mp4", "a.mp4"),
        ("a\u202e4pm.exe", "a4pm.exe"),
        ("..", "video"),
        (None, "video"),
        ("ü ß.mp4", "ü ß.mp4"),
    ],
)
def test_names_are_only_shown(given: str | None, shown: str) -> None:
    assert shown_name(given) == shown


def test_odd_names_pass_through_headers_and_results(client: TestClient) -> None:
    job = send(client, name='../x\r\nSet-Cookie: a=b"; ü.mp4').json()["id"]
    name = finished(client, job)["name"]
    assert "/" not in name and "\n" not in name and "\r" not in name
    saved = client.get(f"/api/jobs/{job}/result?download=true")
    assert saved.json()["video"] == name and "set-cookie" not in saved.headers
    assert saved.headers["content-disposition"].startswith("attachment; filename*=utf-8''")


@pytest.mark.slow
def test_twenty_at_once_are_answered_or_refused_politely() -> None:
    with service(queue=5) as client, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: send(client, MP4 + bytes(50_000), f"{n}.mp4"), range(20)))
        codes = [answer.status_code for answer in answers]
        assert set(codes) <= {202, 429} and codes.count(202) >= 5
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 429)
        jobs = [answer.json()["id"] for answer in answers if answer.status_code == 202]
        assert {finished(client, job)["state"] for job in jobs} == {"done"}
        workers = {client.get(f"/api/jobs/{job}/result").json()["worker"] for job in jobs}
        assert len(workers) == 1  # the process stays warm


def test_a_failed_job_says_why(client: TestClient) -> None:
    job = send(client, MP4 + b"crash").json()["id"]
    status = finished(client, job)
    assert status["state"] == "failed" and status["error"].startswith("undecodable: ")
    answer = client.get(f"/api/jobs/{job}/result")
    assert (answer.status_code, answer.json()["detail"]) == (409, status["error"])


@pytest.mark.slow
def test_the_result_of_a_running_job_is_not_there_yet() -> None:
    with service() as client:
        job = send(client, MP4 + b"sleep").json()["id"]
        assert client.get(f"/api/jobs/{job}/result").status_code == 409
        assert client.delete(f"/api/jobs/{job}").status_code == 204


def test_everything_but_health_needs_the_token() -> None:
    with service("secret", "http://example.org") as client:
        assert client.get("/api/health").json()["status"] == "ok"
        given = {"headers": {"Authorization": "Bearer secret"}}
        for wrong in (
            {},
            {"headers": {"Authorization": "Bearer secre"}},
            {"headers": {"Authorization": "Basic secret"}},
        ):
            assert send(client, **wrong).status_code == 401
            assert client.get("/api/openapi.json", **wrong).status_code == 401
        job = send(client, **given).json()["id"]
        assert finished(client, job, **given)["state"] == "done"
        assert client.get(f"/api/jobs/{job}/result").status_code == 401


def test_a_browser_gets_a_cookie_for_the_token() -> None:
    with service("secret", "http://example.org") as client:
        asked = client.get("/")
        assert asked.status_code == 401 and 'name="token"' in asked.text
        assert client.post("/login", data={"token": "wrong"}).status_code == 401
        answer = client.post("/login", data={"token": "secret"}, follow_redirects=False)
        cookie = answer.headers["set-cookie"].lower()
        assert answer.status_code == 303 and "httponly" in cookie and "samesite=strict" in cookie
        assert "secret" not in cookie
        assert client.get("/api/openapi.json").status_code == 200


def test_without_a_token_only_this_machine_is_answered() -> None:
    """A page on the web can make its own name lead to 127.0.0.1, or send a form there."""
    with service() as client:
        assert client.get("/api/health", headers={"host": "evil.example"}).status_code == 421
        assert send(client, headers={"sec-fetch-site": "cross-site"}).status_code == 403
        assert client.get("/api/health", headers={"host": "localhost:7860"}).status_code == 200
        assert client.get("/api/health", headers={"host": "[::1]:7860"}).status_code == 200
    assert [is_local(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "box")] == [True] * 3 + [
        False
    ] * 3


def test_openapi_describes_every_address(client: TestClient) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    job = "/api/jobs/{job_id}"
    assert set(paths) == {"/api/jobs", job, f"{job}/result", f"{job}/report", f"{job}/bundle", "/api/health"}
    assert "multipart/form-data" in paths["/api/jobs"]["post"]["requestBody"]["content"]
    assert set(paths["/api/jobs"]["post"]["responses"]) >= {"202", "400", "401", "408", "413", "415", "429"}


@pytest.mark.parametrize(
    "path", ["/docs", "/gradio_api/upload", "/gradio_api/file=/etc/passwd", "/../etc/passwd", "/x"]
)
def test_nothing_else_is_there(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
