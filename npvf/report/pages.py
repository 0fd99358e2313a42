"""`render` turns a template into an HTML page. Every page stands alone: nothing in it is fetched from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from npvf.metrics.bootstrap import Estimate
from npvf.metrics.catalogue import interval_text


def render(template: str, filters: Mapping[str, Callable[..., Any]] | None = None, **content: Any) -> str:
    """The page of a template in `npvf/report/templates`.

    Args:
        template: the file's name without `.html.j2`.
        filters: of this template, beside those that all have: value, interval and percent.
        content: what the template reads; a name that it reads and that is missing is an error.
    """
    environment = Environment(
        loader=PackageLoader("npvf.report", "templates"),
        autoescape=True,  # names of files, people and corpora come from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(value=_value, interval=interval_text, percent=lambda share: f"{100 * share:.1f} %")
    environment.filters.update(filters or {})
    return environment.get_template(f"{template}.html.j2").render(**content)


def data_address(content: bytes, kind: str) -> str:
    """A picture as an address that holds it; `kind` as in `image/jpeg`."""
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"


def _value(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.3f}"
