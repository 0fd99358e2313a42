"""`render` turns a template into an HTML page. Every page stands alone: nothing in it is fetched from elsewhere."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from unicodedata import category

from jinja2 import Environment, PackageLoader, StrictUndefined

from npvf.metrics.bootstrap import Estimate
from npvf.metrics.catalogue import interval_text


def render(template: str, filters: Mapping[str, Callable[..., Any]] | None = None, **content: Any) -> str:
    """The page of a template in `npvf/report/templates`.

    Args:
        template: the file's name without `.html.j2`.
        filters: of this template, beside those that all have: value, interval, percent and visible.
        content: what the template reads; a name that it reads and that is missing is an error.
    """
    environment = _environment().overlay()
    environment.filters = {**environment.filters, **(filters or {})}
    return environment.get_template(f"{template}.html.j2").render(**content)


@cache
def _environment() -> Environment:
    """Make the environment of all pages. `asset` inlines a style or a script, and `script_hash` allows it to run."""
    environment = Environment(
        loader=PackageLoader("npvf.report", "templates"),
        autoescape=True,  # names of files, people and corpora come from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(value=_value, interval=interval_text, percent=_percent, visible=visible)
    environment.globals.update(asset=_asset, script_hash=script_hash)
    return environment


def data_address(content: bytes, kind: str) -> str:
    """A file as an address that holds it; `kind` as in `image/jpeg`."""
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"


def visible(text: str) -> str:
    """Write out control and format characters: a name could turn the direction of the text after it, or hide a part.

    Examples:
        >>> print(visible("gpj.\\u202e4pm"))
        gpj.\\u202e4pm
    """
    return "".join(f"\\u{ord(one):04x}" if category(one) in {"Cc", "Cf", "Cs", "Co"} else one for one in str(text))


def _asset(name: str) -> str:
    """A style or a script from the folder of the templates, as it is: it is not a template."""
    return files("npvf.report").joinpath("templates", name).read_text(encoding="utf-8")


def script_hash(name: str) -> str:
    """The source of an inlined script for a content security policy: no other script of the page may run."""
    return f"'sha256-{b64encode(hashlib.sha256(_asset(name).encode()).digest()).decode('ascii')}'"


def _value(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.3f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
