"""The page: Gradio's layout around two parts of our own, a field that takes a file and a card that shows how far it is.

The field sends the file to the HTTP API, so that there is one way in with one set of limits: Gradio's own upload stores
files before anything of ours is asked, and fetches addresses that a client names.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio
from fastapi import FastAPI
from jinja2 import Environment, PackageLoader, StrictUndefined

from npvf.report.pages import visible
from npvf.serve.files import ACCEPTED, BUNDLE, WORDS
from npvf.serve.jobs import Job, Jobs, State
from npvf.serve.settings import MB

STEPS = {
    "load": "Load the detector",
    "frames": "Find the faces",
    "audio": "Listen to the speech",
    "clips": "Compare sound and picture",
    "report": "Write the report",
}
LOOK_EVERY = 0.4  # seconds
FONTS = ["system-ui", "Segoe UI", "Roboto", "sans-serif"]  # fonts of the system: Gradio's themes load theirs elsewhere
MONOSPACE = ["ui-monospace", "Consolas", "monospace"]


def mount_page(app: FastAPI, jobs: Jobs) -> None:
    """Add the page at / to the service."""
    gradio.mount_gradio_app(
        app,
        _blocks(jobs),
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        pwa=False,
        max_file_size=1,  # nothing is uploaded to Gradio
        theme=gradio.themes.Base(font=FONTS, font_mono=MONOSPACE, primary_hue="slate", neutral_hue="stone"),
        css=_file("page.css"),
    )


def _taking_no_files(component: gradio.HTML) -> gradio.HTML:
    """Let a component refuse values that look like one of Gradio's files.

    Gradio fetches such a file if its path is an address, and a client can send any value. The methods are replaced
    here, not in a subclass, because Gradio writes a .pyi file beside the code of each subclass.
    """

    def refuse(url_or_file_path: str | Path | None) -> str | None:
        raise gradio.Error("The page takes no files. Send them to /api/jobs.")

    async def refuse_later(url_or_file_path: str | Path | None) -> str | None:
        return refuse(url_or_file_path)

    component.move_resource_to_block_cache = refuse  # type: ignore[method-assign, unused-ignore]
    component.async_move_resource_to_block_cache = refuse_later  # type: ignore[method-assign, unused-ignore]
    return component


def _blocks(jobs: Jobs) -> gradio.Blocks:
    """Return the layout: a tab for one file, and one for two files side by side."""
    settings = jobs.settings
    limits = {"mb": f"{settings.max_bytes / MB:g}", "seconds": f"{settings.max_seconds:g}"}
    with gradio.Blocks(title="npvf", analytics_enabled=False, fill_width=True) as blocks:
        gradio.HTML(_rendered("head", **limits, minutes=f"{settings.keep_seconds / 60:.0f}", accepted=ACCEPTED))
        with gradio.Tab("One file"):
            _place(jobs, "one", limits, with_report=True)
        with gradio.Tab("Compare two files"):
            with gradio.Row():
                with gradio.Column(min_width=320):
                    left, ended_left = _place(jobs, "left", limits, with_report=False)
                with gradio.Column(min_width=320):
                    right, ended_right = _place(jobs, "right", limits, with_report=False)
            table = gradio.HTML(elem_id="comparison")
            for ended in (ended_left, ended_right):
                ended.then(
                    lambda a, b: _comparison(jobs, a, b),
                    [left, right],
                    table,
                    show_progress="hidden",
                    api_visibility="private",
                )
    return blocks


def _place(jobs: Jobs, name: str, limits: dict[str, str], with_report: bool) -> tuple[gradio.HTML, Any]:
    """Add a field for a file and the card below it. Return the field, whose value is a job id, and its event."""
    field = _taking_no_files(
        gradio.HTML(
            value="",
            html_template=_rendered("field", **limits),
            js_on_load=_file("field.js"),
            elem_id=f"field-{name}",
        )
    )
    card = gradio.HTML(js_on_load=_file("card.js"), elem_id=f"card-{name}")

    async def follow(job_id: str) -> AsyncIterator[str]:
        async for html in _cards(jobs, job_id, with_report):
            yield html

    event = field.submit(
        follow,
        field,
        card,
        show_progress="hidden",
        concurrency_limit=None,  # the queue of the jobs has the limits
        trigger_mode="multiple",
        api_visibility="private",
    )
    return field, event


async def _cards(jobs: Jobs, job_id: str, with_report: bool) -> AsyncIterator[str]:
    """Yield the card of a job at each change, until it has ended."""
    shown, ended = "", False
    while job_id and not ended:
        try:
            job = jobs.get(str(job_id))
        except KeyError:
            yield _rendered("gone")
            return
        ended = job.state in (State.DONE, State.FAILED)
        try:
            html = await asyncio.to_thread(_card, jobs, job, with_report)
        except FileNotFoundError:  # deleted in this moment
            html = _rendered("gone")
        if html != shown:
            yield html
        shown = html
        await asyncio.sleep(0 if ended else LOOK_EVERY)


def _card(jobs: Jobs, job: Job, with_report: bool) -> str:
    """Return the card of a job: its progress, its verdict, or its error."""
    if job.state is State.DONE:
        bundle = (job.folder / BUNDLE).exists()
        return _rendered("verdict", job=job, words=_words(job), bundle=bundle, with_report=with_report)
    if job.state is State.FAILED:
        code, _, sentence = job.error.partition(": ")
        return _rendered("failed", job=job, code=code, sentence=sentence)
    step, share = job.progress() if job.state is State.RUNNING else ("", 0.0)
    return _rendered("progress", job=job, position=jobs.position(job), steps=STEPS, step=step, share=share)


def _comparison(jobs: Jobs, *job_ids: str) -> str:
    """Return a table of the verdicts of two jobs; "" until both are done."""
    try:
        done = [job for job in map(jobs.get, map(str, job_ids)) if job.state is State.DONE]
    except KeyError:
        return ""
    if len(done) < 2:
        return ""
    return _rendered("comparison", jobs=done, words=[_words(job) for job in done])


def _words(job: Job) -> dict[str, Any]:
    """Return what the worker wrote for this page (`npvf.serve.work`)."""
    return json.loads((job.folder / WORDS).read_text(encoding="utf-8"))


def _rendered(template: str, **content: Any) -> str:
    return _environment().get_template(f"{template}.html.j2").render(**content)


def _file(name: str) -> str:
    return files("npvf.serve").joinpath("page_files", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("npvf.serve", "page_files"),
        autoescape=True,  # the name of a file comes from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(visible=visible)
    return environment
