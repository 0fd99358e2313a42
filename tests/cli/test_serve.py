"""`npvf serve`: what it needs, and whom it answers."""

import re
import sys
from functools import partial
from typing import Any

import pytest

from npvf.cli.main import main


@pytest.mark.parametrize("package", ["uvicorn", "gradio"])
def test_a_missing_extra_is_told_before_the_detector_is_loaded(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fastapi", reason="needs the extra web")
    if package == "gradio":
        pytest.importorskip("uvicorn", reason="needs the extra web")
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "npvf.serve.page", raising=False)
    assert main(["serve"]) == 2
    told = capsys.readouterr().err
    assert package in told and "pip install 'npvf[web]'" in told and "loading" not in told


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments that the server would run with; it does not run."""
    for package in ("fastapi", "httpx", "uvicorn"):
        pytest.importorskip(package, reason="needs the extra web and httpx")
    import uvicorn

    from npvf.serve import jobs
    from tests.helpers.quick_work import quick_work

    found: dict[str, Any] = {}

    def run(server: uvicorn.Server) -> None:
        from fastapi.testclient import TestClient

        client = TestClient(server.config.app, base_url=f"http://{server.config.host}:{server.config.port}")
        found["host"], found["status"] = server.config.host, client.get("/api/jobs/x").status_code
        server.started = True

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr(jobs, "Jobs", partial(jobs.Jobs, function=quick_work))
    monkeypatch.delenv("NPVF_TOKEN", raising=False)
    return found


def test_by_default_it_answers_this_machine_without_a_token(
    served: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--api-only", "--device", "cpu"]) == 0
    assert (served["host"], served["status"]) == ("127.0.0.1", 404)
    assert "WARNING" not in capsys.readouterr().err


def test_another_address_makes_a_token_and_warns(served: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--api-only", "--device", "cpu", "--host", "0.0.0.0"]) == 0
    assert served["status"] == 401
    told = capsys.readouterr().err
    assert "WARNING" in told and re.search(r"the token is \S{30,}", told)


def test_a_given_token_is_not_printed(served: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--api-only", "--device", "cpu", "--token", "a-token-of-mine"]) == 0
    assert served["status"] == 401
    assert "a-token-of-mine" not in capsys.readouterr().err
