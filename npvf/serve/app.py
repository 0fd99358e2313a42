"""Put API, page and guard together, and run them."""

from __future__ import annotations

import os

from fastapi import FastAPI
from starlette.types import ASGIApp

from npvf.serve.api import router
from npvf.serve.guard import Access, Guard
from npvf.serve.jobs import Jobs
from npvf.version import __version__

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is imported, which `page` does


def make_app(jobs: Jobs, access: Access, page: bool = True) -> ASGIApp:
    """Return the service as an ASGI application; `jobs` must be running. Without `page` it needs no Gradio."""
    app = FastAPI(
        title="npvf serve",
        version=__version__,
        description="Judge videos of talking faces: real, fake, mismatch, or abstain.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # FastAPI's pages of documentation load scripts from another host
        redoc_url=None,
    )
    app.state.jobs = jobs
    app.include_router(router)
    if page:
        from npvf.serve.page import mount_page

        mount_page(app, jobs)
    return Guard(app, access)
