"""The web service: a page and an HTTP API that judge uploaded files, one process a file.

`app` puts the parts together: `jobs` has the queue, `work` judges a file in another process, `uploads` receives it,
`api` and `page` are what people and programs see, and `guard` stands before both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from npvf.lazy import lazy_names

if TYPE_CHECKING:
    from npvf.serve.app import make_app
    from npvf.serve.guard import Access
    from npvf.serve.jobs import Job, Jobs, State
    from npvf.serve.settings import Load, ServeSettings, Upload

__all__ = [
    "Access",
    "Job",
    "Jobs",
    "Load",
    "ServeSettings",
    "State",
    "Upload",
    "make_app",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "app": ["make_app"],
        "guard": ["Access"],
        "jobs": ["Job", "Jobs", "State"],
        "settings": ["Load", "ServeSettings", "Upload"],
    },
)
